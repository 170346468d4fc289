using Services.Generator.Dashboards;
using Services.Generator.Kubernetes;

namespace Services.Generator;

/// <summary>The files that name every service, made from the manifests: what they say beside that is theirs.</summary>
public sealed class Generated(string root, IReadOnlyList<Service> services)
{
    // The console's: it asks every service that has an API, and whoever takes the console away has no such files.
    private const string Addresses = "deploy/env/console.env";
    private const string Replicas = "docker-compose.cluster.yml";
    private const string Gateway = "deploy/env/gateway.env";
    private const string AddressesOfDevelopment = "services/console/Console/appsettings.Development.json";

    private static readonly string[] Overlays = [.. new[] { "dev", "production" }.Select(o => $"{Manifests.Folder}/overlays/{o}/kustomization.yaml")];

    private readonly IReadOnlyList<Service> _keeping = [.. services.Where(s => !s.Stateless)];

    /// <summary>What a test or a person runs after a manifest or an event has changed.</summary>
    public const string Command = "dotnet run --project tools/Services.Generator";

    /// <summary>By path below the root, as it should be.</summary>
    public IReadOnlyDictionary<string, string> Files() => new Dictionary<string, string>(
        Catalogue.All.Select(d => KeyValuePair.Create($"{Catalogue.Folder}/{d.Name}.json", d.ToJson())).Concat(OfConsole()).Concat(OfKubernetes()))
    {
        ["docker-compose.yml"] = Fill("docker-compose.yml", new()
        {
            ["services"] = services.SelectMany(Containers),
            ["passwords of databases"] = _keeping.SelectMany(
                s => new[] { Password(s, "DB_PASSWORD", "dev"), Password(s, "DB_MIGRATOR_PASSWORD", "migrator-dev") }).Select(line => "      " + line),
            ["certificates"] = services.Select(s => $"      - tls-{s.Name}:/tls/{s.Name}"),
            ["passwords at the broker"] = _keeping.Select(s => "      " + Password(s, "BROKER_PASSWORD", "dev")),
            ["targets of Prometheus"] = [$"      SERVICE_TARGETS: {string.Join(' ', services.Select(s => $"{s.Name}={s.Name}:9464"))}"],
            ["volumes"] = services.Select(s => $"  tls-{s.Name}:").Concat(services.Except(_keeping).Select(s => $"  {s.Name}:")),
        }),
        [Replicas] = Fill(Replicas, new()
        {
            ["replicas"] = _keeping.SelectMany(s => new[] { $"  {s.Name}:", "    <<: *replicas", "    ports: !reset []            # they are the gateway's" }),
            ["passwords at the broker"] = _keeping.Select(s => "    " + Password(s, "BROKER_PASSWORD", "dev")),
            ["ports of the gateway"] = _keeping.Select(s => $"      - \"127.0.0.1:${{{s.Variable}_PORT:-{s.Port}}}:{s.Port}\""),
            ["what the gateway waits for"] = _keeping.Select(s => $"      {s.Name}: {{ condition: service_started }}"),
            ["which have replicas"] = [$"      REPLICATED: {string.Join(' ', _keeping.Select(s => s.Name))}"],
            ["addresses behind the gateway"] = _keeping.Select(s => $"      Console__Services__{s.Name}: http${{TLS:+s}}://gateway:{s.Port}"),
        }),
        [".env.example"] = Fill(".env.example", new()
        {
            ["ports"] = services.Select(s => $"{s.Variable}_PORT={s.Port}"),
            ["passwords of databases"] = _keeping.SelectMany(
                s => new[] { $"{s.Variable}_DB_PASSWORD={s.Name}-dev", $"{s.Variable}_DB_MIGRATOR_PASSWORD={s.Name}-migrator-dev" }),
            ["passwords at the broker"] = _keeping.Select(s => $"{s.Variable}_BROKER_PASSWORD={s.Name}-dev"),
        }),
        [Gateway] = Fill(Gateway, new()
        {
            ["gateway"] = _keeping.SelectMany(s => new[]
            {
                $"Gateway__Services__{s.Name}__Listen=http${{TLS:+s}}://${{SHOP_{s.Variable}_ADDRESS:-0.0.0.0:{s.Port}}}",
                $"Gateway__Services__{s.Name}__Replicas=${{SHOP_{s.Variable}_REPLICAS:-http${{TLS:+s}}://{s.Name}:8080}}",
            }),
        }),
        [".devcontainer/devcontainer.json"] = Fill(".devcontainer/devcontainer.json", new()
        {
            ["ports"] = services.Select(s => $"    {s.Port},"),
            ["labels"] = services.Select(s => $"    \"{s.Port}\": {{ \"label\": \"{s.Name}\" }},"),
        }),
        [MetricsPage.Path] = MetricsPage.Of(root),
        [LogEventsPage.Path] = LogEventsPage.Of(root, services),
        [AlertsPage.Path] = AlertsPage.Of(root),
        ["deploy/rabbitmq/definitions.json"] = new BrokerDefinitions(_keeping).Update(Read("deploy/rabbitmq/definitions.json")),
    };

    /// <summary>The files that are not as they should be.</summary>
    public IEnumerable<KeyValuePair<string, string>> Stale() => Files().Where(f => !File.Exists(Path.Combine(root, f.Key)) || Read(f.Key) != f.Value);

    private IEnumerable<KeyValuePair<string, string>> OfConsole() =>
        from file in new[]
        {
            (Path: Addresses, Lines: _keeping.Select(s => $"Console__Services__{s.Name}=http${{TLS:+s}}://${{SHOP_{s.Variable}_ADDRESS:-{s.Name}:8080}}")),
            (Path: AddressesOfDevelopment, Lines: _keeping.Select(s => $"      \"{s.Name}\": \"http://127.0.0.1:{s.Port}\",")),
        }
        where File.Exists(Path.Combine(root, file.Path))
        select KeyValuePair.Create(file.Path, Fill(file.Path, new() { ["addresses"] = file.Lines }));

    private IEnumerable<KeyValuePair<string, string>> OfKubernetes() =>
    [
        .. new Manifests(root).Files(services),
        KeyValuePair.Create(
            $"{Manifests.Folder}/base/kustomization.yaml",
            Fill($"{Manifests.Folder}/base/kustomization.yaml", new() { ["resources"] = services.Select(s => $"  - {s.Name}.yaml") })),
        .. from overlay in Overlays
           select KeyValuePair.Create(overlay, Fill(overlay, new() { ["images"] = Manifests.Images(Read(overlay), services) })),
    ];

    private static string[] Containers(Service service) => (service.Stateless ? Container(service) : ContainerAndMigrations(service)).Split('\n');

    private static string Container(Service service) =>
        $$$"""
          {{{service.Name}}}:
            <<: *service
            build: { context: ., dockerfile: services/{{{service.Name}}}/{{{service.Project}}}/Dockerfile, args: *build }
            env_file: [deploy/env/common.env, deploy/env/{{{service.Name}}}.env]
            volumes: ["tls-{{{service.Name}}}:/tls:ro", "{{{service.Name}}}:/data"]
            ports: ["127.0.0.1:${{{{service.Variable}}}_PORT:-{{{service.Port}}}}:8080"]
            depends_on:
              certificates: { condition: service_completed_successfully }
        {{{Needed(service)}}}    healthcheck: *probe

        """;

    private static string ContainerAndMigrations(Service service) =>
        $$$"""
          {{{service.Name}}}:
            <<: *service
            build: { context: ., dockerfile: services/{{{service.Name}}}/{{{service.Project}}}/Dockerfile, args: *build }
            env_file: [deploy/env/common.env, deploy/env/{{{service.Name}}}.env]
            volumes: ["tls-{{{service.Name}}}:/tls:ro"]
            ports: ["127.0.0.1:${{{{service.Variable}}}_PORT:-{{{service.Port}}}}:8080"]
            depends_on:
              <<: *infrastructure
              {{{service.Name}}}-migrations: { condition: service_completed_successfully }
        {{{Needed(service)}}}    healthcheck: *probe

          {{{service.Name}}}-migrations:
            <<: *migrations
            build: { context: ., dockerfile: services/{{{service.Name}}}/{{{service.Project}}}/Dockerfile, args: *build }
            env_file: [deploy/env/common.env, deploy/env/{{{service.Name}}}.env, deploy/env/{{{service.Name}}}.migrations.env]
            volumes: ["tls-{{{service.Name}}}:/tls:ro"]

        """;

    private static string Needed(Service service) => string.Concat(service.Needs.Select(n => $"      {n.Key}: {{ condition: {n.Value} }}\n"));

    private static string Password(Service service, string name, string value) =>
        $"{service.Variable}_{name}: ${{{service.Variable}_{name}:-{service.Name}-{value}}}";

    private string Read(string path) => File.ReadAllText(Path.Combine(root, path)).ReplaceLineEndings("\n");

    /// <summary>Replaces what stands between a line that ends in <c>services: NAME {</c> and the next that ends in <c>}</c> of the same comment.</summary>
    private string Fill(string path, Dictionary<string, IEnumerable<string>> regions)
    {
        var lines = Read(path).Split('\n').ToList();
        foreach (var (name, content) in regions)
        {
            var begin = lines.FindIndex(l => l.TrimStart(' ', '#', '/') == $"services: {name} {{");
            var end = begin < 0 ? -1 : lines.FindIndex(begin, l => l.TrimStart(' ', '#', '/') == "}" && l.TrimStart()[0] is '#' or '/');
            if (end < 0)
            {
                throw new InvalidDataException($"{path} has no place for the {name} of the services.");
            }

            lines.RemoveRange(begin + 1, end - begin - 1);
            lines.InsertRange(begin + 1, content);
        }

        return string.Join('\n', lines);
    }
}
