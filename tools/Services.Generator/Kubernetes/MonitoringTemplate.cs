namespace Services.Generator.Kubernetes;

/// <summary>What the operator of Prometheus is told: where figures are, and the rules of <c>deploy/observability/rules</c>.</summary>
internal static class MonitoringTemplate
{
    public static string Monitor(Service service) =>
        $$"""
        apiVersion: monitoring.coreos.com/v1
        kind: ServiceMonitor
        metadata:
          name: {{service.Name}}
        spec:
          jobLabel: app.kubernetes.io/name
          selector:
            matchLabels: { app.kubernetes.io/name: {{service.Name}}, app.kubernetes.io/component: service }
          endpoints:
            - port: metrics
              scheme: https
              interval: 15s
              tlsConfig:
                serverName: {{service.Name}}
                ca: { secret: { name: {{service.Name}}-tls, key: ca.crt } }
              metricRelabelings:
                - { action: labeldrop, regex: otel_scope_.* }

        """;

    /// <param name="root">Of the repository.</param>
    public static IEnumerable<string> Rules(string root) =>
        from path in Directory.GetFiles(Path.Combine(root, PrometheusRules.Folder), "*.yml").Order(StringComparer.Ordinal)
        select $"""
        apiVersion: monitoring.coreos.com/v1
        kind: PrometheusRule
        metadata:
          name: {Path.GetFileNameWithoutExtension(path)}
        spec:

        """ + string.Concat(
            File.ReadAllText(path).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select(line => line.Length == 0 ? "\n" : $"  {line}\n"));
}
