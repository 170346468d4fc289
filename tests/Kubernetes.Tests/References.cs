using System.Text.Json.Nodes;
using Chassis.Testing;
using Kubernetes.Tests.Composing;

namespace Kubernetes.Tests;

/// <summary>What pods and operators are told to find in secrets and in settings: <c>NAME KEY</c>, or <c>NAME *</c> for all of it.</summary>
internal static class References
{
    /// <summary>The lines of <c>deploy/kubernetes/secrets.txt</c>.</summary>
    public static IReadOnlyList<string> Expected { get; } =
    [
        .. File.ReadLines(Repository.PathOf("deploy/kubernetes/secrets.txt")).Where(l => l.Length > 0 && l[0] != '#').Select(l => l[..l.LastIndexOf(' ')]),
        "postgres-roles *", "shop-ca *",
    ];

    public static IEnumerable<string> In(IReadOnlyList<Resource> all) => all.SelectMany(In).Distinct();

    public static IEnumerable<string> MadeBy(IReadOnlyList<Resource> all) =>
        from map in all
        where map.Kind == "ConfigMap"
        from key in (string[])["*", .. map.Data.Select(d => d.Key)]
        select $"{map.Name} {key}";

    private static IEnumerable<string> In(Resource resource) => resource.Pod is { } pod
        ? resource.Containers.SelectMany(OfContainer).Concat((pod["volumes"]?.AsArray() ?? []).SelectMany(v => OfVolume(v!.AsObject())))
        : resource.Kind switch
        {
            "Cluster" => Operators(resource, "/spec/superuserSecret/name username", "/spec/superuserSecret/name password",
                "/spec/certificates/serverTLSSecret tls.crt", "/spec/certificates/serverTLSSecret tls.key", "/spec/certificates/serverCASecret ca.crt"),
            "RabbitmqCluster" => Operators(resource, "/spec/tls/secretName tls.crt", "/spec/tls/secretName tls.key").Concat(
                resource.Json["spec"]!["override"]!["statefulSet"]!["spec"]!["template"]!["spec"]!["volumes"]!.AsArray()
                    .SelectMany(v => OfVolume(v!.AsObject()))),
            "ServiceMonitor" => resource.Json["spec"]!["endpoints"]!.AsArray().Select(e => e!["tlsConfig"]!["ca"]!["secret"]!)
                .Select(s => $"{s["name"]} {s["key"]}"),
            "BackendTLSPolicy" => resource.Json["spec"]!["validation"]!["caCertificateRefs"]!.AsArray().Select(c => $"{c!["name"]} *"),
            _ => [],
        };

    private static IEnumerable<string> Operators(Resource resource, params string[] places) =>
        from place in places
        let parts = place.Split(' ')
        let name = parts[0].Split('/')[1..].Aggregate((JsonNode)resource.Json, (node, part) => node[part]!)
        select $"{name} {parts[1]}";

    private static IEnumerable<string> OfContainer(JsonObject container) =>
        (container["envFrom"]?.AsArray() ?? []).Select(e => $"{(e!["configMapRef"] ?? e["secretRef"])!["name"]} *").Concat(
            from variable in container["env"]?.AsArray() ?? []
            let source = variable["valueFrom"]
            where source is not null
            let key = source["secretKeyRef"] ?? source["configMapKeyRef"]
            select $"{key["name"]} {key["key"]}");

    private static IEnumerable<string> OfVolume(JsonObject volume)
    {
        var sources = (volume["projected"]?["sources"]?.AsArray().Select(s => s!.AsObject()) ?? []).Append(volume);
        return from source in sources
               let of = source["secret"] ?? source["configMap"]
               where of is not null
               let name = of["secretName"] ?? of["name"]
               from key in of["items"]?.AsArray().Select(i => (string)i!["key"]!) ?? ["*"]
               select $"{name} {key}";
    }
}
