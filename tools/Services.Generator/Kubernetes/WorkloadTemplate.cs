using System.Globalization;
using System.Text;

namespace Services.Generator.Kubernetes;

/// <summary>The manifests of one service: how it runs, is reached, interrupted and multiplied.</summary>
internal static class WorkloadTemplate
{
    public static string Account(Service service) =>
        $"""
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: {service.Name}
        automountServiceAccountToken: false

        """;

    public static string Network(Service service) =>
        $$"""
        apiVersion: v1
        kind: Service
        metadata:
          name: {{service.Name}}
          labels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/part-of: shop, app.kubernetes.io/component: service }
        spec:
          selector: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/component: service }
          ports:
            - { name: https, port: 8080, targetPort: https, appProtocol: https }
            - { name: metrics, port: 9464, targetPort: metrics }

        """;

    /// <summary>A new pod waits, alive and not ready, until the job has brought the schema to its version; those of before go on meanwhile.</summary>
    public static string Deployment(Service service, IReadOnlyList<EnvironmentVariable> secrets) =>
        $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: {{service.Name}}
          labels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/part-of: shop, app.kubernetes.io/component: service }
        spec:
        {{(service.Stateless ? "  replicas: 1 # the keys of its cookies are the pod's own\n" : "")}}  revisionHistoryLimit: 5
          strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
          selector:
            matchLabels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/component: service }
          template:
            metadata:
              labels:
                app.kubernetes.io/name: {{service.Name}}
                app.kubernetes.io/part-of: shop
                app.kubernetes.io/component: service
        {{Reaches(service)}}    spec:
        {{Pod(service)}}      terminationGracePeriodSeconds: 45 # what preStop waits, the 20 s of the drain, and as much again
              topologySpreadConstraints:
        {{Spread(service, "topology.kubernetes.io/zone")}}{{Spread(service, "kubernetes.io/hostname")}}      containers:
                - name: {{service.Name}}
                  image: shop-{{service.Name}}
                  envFrom:
                    - configMapRef: { name: common }
                    - configMapRef: { name: {{service.Name}} }
                  ports:
                    - { name: https, containerPort: 8080 }
                    - { name: metrics, containerPort: 9464 }
                  startupProbe: { httpGet: { path: /health/live, port: https, scheme: HTTPS }, periodSeconds: 2, failureThreshold: 60, timeoutSeconds: 5 }
                  livenessProbe: { httpGet: { path: /health/live, port: https, scheme: HTTPS }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 }
                  readinessProbe: { httpGet: { path: /health/ready, port: https, scheme: HTTPS }, periodSeconds: 5, failureThreshold: 3, timeoutSeconds: 5 }
                  lifecycle:
                    preStop: { sleep: { seconds: 5 } } # until nobody sends it anything new
        {{Container()}}{{Mounts(service.Stateless)}}{{Volumes(service, [(service.Name, secrets)])}}
        """;

    public static string Migrations(Service service, IReadOnlyList<EnvironmentVariable> secrets, IReadOnlyList<EnvironmentVariable> ofMigrations) =>
        $$"""
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: {{service.Name}}-migrations
          labels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/part-of: shop, app.kubernetes.io/component: migrations }
        spec:
          backoffLimit: 10
          template:
            metadata:
              labels:
                app.kubernetes.io/name: {{service.Name}}
                app.kubernetes.io/part-of: shop
                app.kubernetes.io/component: migrations
                reaches/postgres: "yes"
            spec:
              restartPolicy: OnFailure
        {{Pod(service)}}      containers:
                - name: migrations
                  image: shop-{{service.Name}}
                  args: ["--migrate"]
                  envFrom:
                    - configMapRef: { name: common }
                    - configMapRef: { name: {{service.Name}} }
                    - configMapRef: { name: {{service.Name}}-migrations }
        {{Container()}}{{Mounts(withData: false)}}{{Volumes(service, [(service.Name, secrets), ($"{service.Name}-migrations", ofMigrations)])}}
        """;

    public static string Disruption(Service service) =>
        $$"""
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata:
          name: {{service.Name}}
        spec:
          maxUnavailable: 1
          unhealthyPodEvictionPolicy: AlwaysAllow
          selector:
            matchLabels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/component: service }

        """;

    public static string Autoscaler(Service service) =>
        $$"""
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata:
          name: {{service.Name}}
        spec:
          scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{service.Name}} }
          minReplicas: 2
          maxReplicas: 6
          metrics:
            - type: Resource
              resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
          behavior:
            scaleDown: { stabilizationWindowSeconds: 300 }

        """;

    private static string Reaches(Service service) => string.Concat(
        (service.Stateless ? (string[])["services"] : ["postgres", "rabbitmq"]).Select(whom => $"        reaches/{whom}: \"yes\"\n"));

    private static string Pod(Service service) =>
        $$"""
              serviceAccountName: {{service.Name}}
              automountServiceAccountToken: false
              enableServiceLinks: false
              securityContext:
                runAsNonRoot: true
                runAsUser: 1654
                runAsGroup: 1654
                fsGroup: 1654
                seccompProfile: { type: RuntimeDefault }

        """;

    private static string Spread(Service service, string key) =>
        $$"""
                - topologyKey: {{key}}
                  maxSkew: 1
                  whenUnsatisfiable: ScheduleAnyway
                  matchLabelKeys: [pod-template-hash]
                  labelSelector:
                    matchLabels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/component: service }

        """;

    /// <summary>The measured memory of docs/guarantees.md with room, and the limit that Compose has; overlays say what a service needs for its load.</summary>
    private static string Container() =>
        """
                  resources:
                    requests: { cpu: 100m, memory: 256Mi }
                    limits: { memory: 320Mi }
                  securityContext:
                    allowPrivilegeEscalation: false
                    readOnlyRootFilesystem: true
                    capabilities: { drop: [ALL] }

        """;

    private static string Mounts(bool withData) =>
        $$"""
                  volumeMounts:
                    - { name: tmp, mountPath: /tmp }
                    - { name: tls, mountPath: /tls, readOnly: true }
                    - { name: secrets, mountPath: /run/secrets, readOnly: true }
        {{(withData ? "            - { name: data, mountPath: /data }\n" : "")}}
        """;

    private static string Volumes(Service service, IReadOnlyList<(string Secret, IReadOnlyList<EnvironmentVariable> Keys)> secrets)
    {
        var text = new StringBuilder(
            $$"""
                  volumes:
                    - name: tmp
                      emptyDir: { sizeLimit: 64Mi }
            {{(service.Stateless ? "        - name: data\n          emptyDir: { sizeLimit: 16Mi }\n" : "")}}        - name: tls
                      secret:
                        secretName: {{service.Name}}-tls
                        defaultMode: 0440
                        items:
                          - { key: tls.crt, path: server.crt }
                          - { key: tls.key, path: server.key }
                          - { key: ca.crt, path: trusted/ca.crt }
                    - name: secrets
                      projected:
                        defaultMode: 0440
                        sources:{{(secrets.All(s => s.Keys.Count == 0) ? " []" : "")}}

            """);
        foreach (var (secret, keys) in secrets)
        {
            foreach (var group in keys.GroupBy(k => k.IsOptional).OrderBy(g => g.Key))
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $$"""
                                  - secret:
                                      name: {{secret}}
                    {{(group.Key ? "                  optional: true\n" : "")}}                  items:
                    {{string.Concat(group.Select(k => $"                    - {{ key: {k.Name}, path: {k.Name} }}\n"))}}
                    """);
            }
        }

        return text.ToString();
    }
}
