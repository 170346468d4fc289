namespace Services.Generator.Kubernetes;

/// <summary>How a service is reached from outside: its own name, and TLS on both legs. A route without a time-out keeps streams of events open.</summary>
internal static class GatewayTemplate
{
    public static string Of(Service service) =>
        $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata:
          name: {{service.Name}}
        spec:
          parentRefs: [{ name: public, namespace: gateway }]
          hostnames: [{{service.Name}}.shop.example]
          rules:
            - backendRefs: [{ name: {{service.Name}}, port: 8080 }]
              timeouts: { request: 0s, backendRequest: 0s }
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: BackendTLSPolicy
        metadata:
          name: {{service.Name}}
        spec:
          targetRefs: [{ group: "", kind: Service, name: {{service.Name}} }]
          validation:
            hostname: {{service.Name}}
            caCertificateRefs: [{ group: "", kind: ConfigMap, name: shop-ca }]

        """;
}
