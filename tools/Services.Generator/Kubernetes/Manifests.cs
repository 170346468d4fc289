namespace Services.Generator.Kubernetes;

/// <summary>What Kubernetes is told of each service, made from its manifest and from its settings in <c>deploy/env</c>.</summary>
/// <param name="root">Of the repository.</param>
public sealed class Manifests(string root)
{
    public const string Folder = "deploy/kubernetes";

    private const string Head = $"# Follows from services/*/service.json, deploy/env and {Folder}/settings.env: {Generated.Command}\n";

    private static readonly string[] OfTls = ["tls.crt", "tls.key", "ca.crt"];

    private readonly EnvironmentFiles _files = new(EnvironmentFiles.Lines(Read(root, $"{Folder}/settings.env")).ToDictionary());

    /// <summary>The files that are written whole, by path below the root.</summary>
    public IEnumerable<KeyValuePair<string, string>> Files(IReadOnlyList<Service> services)
    {
        yield return new($"{Folder}/base/common.yaml", Head + Settings("common", Of("common")));
        foreach (var service in services)
        {
            yield return new($"{Folder}/base/{service.Name}.yaml", Head + string.Join("---\n", Parts(service)));
        }

        yield return new($"{Folder}/secrets.txt", SecretsList(services));
        var scaled = services.Where(s => !s.Stateless).Select(ScaledObjectTemplate.Of);
        yield return new($"{Folder}/components/keda/services.yaml", Head + string.Join("---\n", scaled));
        yield return new($"{Folder}/components/monitoring/services.yaml", Head + string.Join("---\n", services.Select(MonitoringTemplate.Monitor)));
        yield return new($"{Folder}/components/monitoring/rules.yaml", Head + string.Join("---\n", MonitoringTemplate.Rules(root)));
        yield return new($"{Folder}/components/gateway/routes.yaml", Head + string.Join("---\n", services.Select(GatewayTemplate.Of)));
    }

    /// <summary>The list of an overlay's images: what stands there stays, and a new service has one of the same place and version as the first.</summary>
    public static IEnumerable<string> Images(string kustomization, IReadOnlyList<Service> services)
    {
        var lines = kustomization.Split('\n').SkipWhile(l => l != "  # services: images {").Skip(1).TakeWhile(l => l != "  # }").ToList();
        var known = lines.Index().Where(l => l.Item.StartsWith("  - name: ", StringComparison.Ordinal)).ToDictionary(
            l => l.Item["  - name: ".Length..], l => lines.Skip(l.Index + 1).TakeWhile(next => next.StartsWith("    ", StringComparison.Ordinal)).ToList());
        return services.SelectMany(s => known.TryGetValue($"shop-{s.Name}", out var image) ? [$"  - name: shop-{s.Name}", .. image] : Like(known.First(), s));
    }

    private static IEnumerable<string> Like(KeyValuePair<string, List<string>> first, Service service) =>
    [
        $"  - name: shop-{service.Name}",
        .. first.Value.Where(l => !l.Contains("digest", StringComparison.Ordinal))
            .Select(l => l.Replace(first.Key["shop-".Length..], service.Name, StringComparison.Ordinal)),
    ];

    private IEnumerable<string> Parts(Service service)
    {
        var own = Of(service.Name);
        var expected = own.Concat(Of("common")).Where(v => v.IsSecret).ToList();
        yield return WorkloadTemplate.Account(service);
        yield return Settings(service.Name, own);
        if (!service.Stateless)
        {
            yield return Settings($"{service.Name}-migrations", Of($"{service.Name}.migrations"));
            yield return WorkloadTemplate.Migrations(service, expected, [.. Of($"{service.Name}.migrations").Where(v => v.IsSecret)]);
        }

        yield return WorkloadTemplate.Network(service);
        yield return WorkloadTemplate.Deployment(service, expected);
        yield return WorkloadTemplate.Disruption(service);
        if (!service.Stateless)
        {
            yield return WorkloadTemplate.Autoscaler(service);
        }
    }

    private string SecretsList(IReadOnlyList<Service> services) =>
        $"""
        # The secrets that the manifests refer to and do not have: secret, key, and whether a service does without it. {Folder}/secrets.sh makes them.
        # Follows from deploy/env: {Generated.Command}

        """ + string.Concat(
            from service in services
            from file in service.Stateless ? (string[])[service.Name] : [service.Name, $"{service.Name}.migrations"]
            from variable in file == service.Name ? Of(file).Concat(Of("common")) : Of(file)
            where variable.IsSecret
            select $"{file.Replace('.', '-')} {variable.Name} {(variable.IsOptional ? "optional" : "required")}\n")
        + string.Concat(services.Select(s => s.Name).Concat(["payment-sandbox", "postgres", "rabbitmq"]).SelectMany(
            s => OfTls.Select(key => $"{s}-tls {key} required\n")))
        + string.Concat(services.Where(s => !s.Stateless).Select(
            s => $"postgres-roles {s.Variable}_DB_PASSWORD required\npostgres-roles {s.Variable}_DB_MIGRATOR_PASSWORD required\n"))
        + "postgres-ca ca.crt required\npostgres-superuser username required\npostgres-superuser password required\n"
        + "rabbitmq-definitions definitions.json required\n";

    private IReadOnlyList<EnvironmentVariable> Of(string file) => [.. _files.Read(Read(root, $"deploy/env/{file}.env"))];

    private static string Settings(string name, IReadOnlyList<EnvironmentVariable> variables) =>
        $"""
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: {name}
        data:

        """ + string.Concat(variables.Where(v => !v.IsSecret && v.Value.Length > 0).Select(v => $"  {v.Name}: \"{Escaped(v.Value)}\"\n"));

    private static string Escaped(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static string Read(string root, string path) => File.ReadAllText(Path.Combine(root, path)).ReplaceLineEndings("\n");
}
