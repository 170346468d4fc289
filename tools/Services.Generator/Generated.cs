using Services.Generator.Dashboards;

namespace Services.Generator;

/// <summary>The files that name every service, made from the manifests: what they say beside that is theirs.</summary>
public sealed class Generated(string root, IReadOnlyList<Service> services)
{
    /// <summary>What a test or a person runs after a manifest or an event has changed.</summary>
    public const string Command = "dotnet run --project tools/Services.Generator";

    /// <summary>By path below the root, as it should be.</summary>
    public IReadOnlyDictionary<string, string> Files() => new Dictionary<string, string>(
        Catalogue.All.Select(d => KeyValuePair.Create($"{Catalogue.Folder}/{d.Name}.json", d.ToJson())))
    {
        ["docker-compose.yml"] = Fill("docker-compose.yml", new()
        {
            ["services"] = services.SelectMany(Containers),
            ["passwords of databases"] = services.SelectMany(
                s => new[] { Password(s, "DB_PASSWORD", "dev"), Password(s, "DB_MIGRATOR_PASSWORD", "migrator-dev") }).Select(line => "      " + line),
            ["certificates"] = services.Select(s => $"      - tls-{s.Name}:/tls/{s.Name}"),
            ["passwords at the broker"] = services.Select(s => "      " + Password(s, "BROKER_PASSWORD", "dev")),
            ["targets of Prometheus"] = [$"      SERVICE_TARGETS: {string.Join(' ', services.Select(s => $"{s.Name}={s.Name}:9464"))}"],
            ["volumes"] = services.Select(s => $"  tls-{s.Name}:"),
        }),
        [".env.example"] = Fill(".env.example", new()
        {
            ["ports"] = services.Select(s => $"{s.Variable}_PORT={s.Port}"),
            ["passwords of databases"] = services.SelectMany(
                s => new[] { $"{s.Variable}_DB_PASSWORD={s.Name}-dev", $"{s.Variable}_DB_MIGRATOR_PASSWORD={s.Name}-migrator-dev" }),
            ["passwords at the broker"] = services.Select(s => $"{s.Variable}_BROKER_PASSWORD={s.Name}-dev"),
        }),
        [".devcontainer/devcontainer.json"] = Fill(".devcontainer/devcontainer.json", new()
        {
            ["ports"] = services.Select(s => $"    {s.Port},"),
            ["labels"] = services.Select(s => $"    \"{s.Port}\": {{ \"label\": \"{s.Name}\" }},"),
        }),
        [MetricsPage.Path] = MetricsPage.Of(root),
        [LogEventsPage.Path] = LogEventsPage.Of(root, services),
        [AlertsPage.Path] = AlertsPage.Of(root),
        ["deploy/rabbitmq/definitions.json"] = new BrokerDefinitions(services).Update(Read("deploy/rabbitmq/definitions.json")),
    };

    /// <summary>The files that are not as they should be.</summary>
    public IEnumerable<KeyValuePair<string, string>> Stale() => Files().Where(f => !File.Exists(Path.Combine(root, f.Key)) || Read(f.Key) != f.Value);

    private static IEnumerable<string> Containers(Service service) =>
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
        {{{string.Concat(service.Needs.Select(n => $"      {n.Key}: {{ condition: {n.Value} }}\n"))}}}    healthcheck: *probe

          {{{service.Name}}}-migrations:
            <<: *migrations
            build: { context: ., dockerfile: services/{{{service.Name}}}/{{{service.Project}}}/Dockerfile, args: *build }
            env_file: [deploy/env/common.env, deploy/env/{{{service.Name}}}.env, deploy/env/{{{service.Name}}}.migrations.env]
            volumes: ["tls-{{{service.Name}}}:/tls:ro"]

        """.Split('\n');

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
