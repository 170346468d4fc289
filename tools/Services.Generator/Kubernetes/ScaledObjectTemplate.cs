namespace Services.Generator.Kubernetes;

/// <summary>How many replicas KEDA keeps of a service: by what waits in its queues, by what waits to leave it, and by its processors.</summary>
internal static class ScaledObjectTemplate
{
    public static string Of(Service service) =>
        $$"""
        apiVersion: keda.sh/v1alpha1
        kind: ScaledObject
        metadata:
          name: {{service.Name}}
        spec:
          scaleTargetRef: { name: {{service.Name}} }
          minReplicaCount: 2
          maxReplicaCount: 8
          pollingInterval: 15
          cooldownPeriod: 300
          triggers:
            - type: prometheus
              name: queue-depth
              metadata:
                serverAddress: http://prometheus-operated.monitoring.svc:9090
                query: sum(rabbitmq_detailed_queue_messages_ready{queue=~"{{service.Name}}[.].*"})
                threshold: "200" # messages for each replica
            - type: prometheus
              name: outbox-age
              metricType: Value
              metadata:
                serverAddress: http://prometheus-operated.monitoring.svc:9090
                # While the broker is away nothing leaves, and more replicas would only be more that wait for it.
                query: max(messaging_outbox_oldest_age_seconds{job="{{service.Name}}"}) * scalar(max(up{job="rabbitmq"}))
                threshold: "10" # seconds
            - type: cpu
              name: cpu
              metricType: Utilization
              metadata: { value: "70" }

        """;
}
