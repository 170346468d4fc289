using System.Diagnostics;
using Services;
using Services.Generator;

namespace Architecture.Tests;

/// <summary>A service is a folder with a manifest. Whatever else must know of it follows from that, or is missed here by name.</summary>
public sealed class The_services
{
    private static readonly IReadOnlyList<Service> All = Service.Of(Repository.Root);

    public static TheoryData<string> Each => [.. All.Select(s => s.Name)];

    [Fact]
    public void Are_all_the_folders_that_there_are() =>
        Directory.GetDirectories(Path.Combine(Repository.Root, "services")).Select(Path.GetFileName).ShouldBe(
            All.Select(s => s.Name), ignoreOrder: true, "a service without services/<name>/service.json is started, watched and tested by nobody");

    [Fact]
    public void Stand_in_every_file_that_follows_from_them() =>
        new Generated(Repository.Root, All).Stale().Select(f => f.Key).ShouldBeEmpty($"run: {Generated.Command}");

    [Fact]
    public void Are_missed_in_every_such_file_when_one_has_gone() =>
        new Generated(Repository.Root, [.. All.Skip(1)]).Stale().Select(f => f.Key).ShouldBe(
            [
                "docker-compose.yml", "docker-compose.cluster.yml", ".env.example", ".devcontainer/devcontainer.json", LogEventsPage.Path,
                "deploy/rabbitmq/definitions.json", "deploy/env/console.env", "deploy/env/gateway.env", "services/console/Console/appsettings.Development.json", "deploy/kubernetes/base/kustomization.yaml", "deploy/kubernetes/secrets.txt",
                "deploy/kubernetes/components/keda/services.yaml", "deploy/kubernetes/components/monitoring/services.yaml",
                "deploy/kubernetes/components/gateway/routes.yaml", "deploy/kubernetes/overlays/dev/kustomization.yaml",
                "deploy/kubernetes/overlays/production/kustomization.yaml",
            ],
            ignoreOrder: true);

    [Fact]
    public void Are_known_to_neither_database_nor_broker_when_they_keep_nothing()
    {
        var stateless = All.Where(s => s.Stateless).ToList();
        stateless.ShouldNotBeEmpty();
        foreach (var service in stateless)
        {
            string[] places = ["docker-compose.yml", ".env.example", "deploy/rabbitmq/definitions.json", "contracts/asyncapi.yaml"];
            places.SelectMany(place => File.ReadLines(Path.Combine(Repository.Root, place)))
                .Where(line => line.Contains($"{service.Variable}_DB_", StringComparison.Ordinal) || line.Contains($"{service.Variable}_BROKER_", StringComparison.Ordinal)
                    || line.Contains($"{service.Name}-migrations", StringComparison.Ordinal) || line.Contains($"\"{service.Name}\"", StringComparison.Ordinal))
                .ShouldBeEmpty();
            File.ReadAllText(Path.Combine(Repository.Root, $"deploy/env/{service.Name}.env")).ShouldNotContain("__Password=");
        }
    }

    [Theory]
    [InlineData("Loyalty")]
    [InlineData("loyalty-points")]
    [InlineData("ab")]
    [InlineData("")]
    [InlineData("orders")]
    [InlineData("payment")]
    [InlineData("postgres")]
    public void Are_not_made_under_a_name_that_is_none_or_is_taken(string name) =>
        Should.Throw<InvalidDataException>(() => new Template(Repository.Root).Write(name)).Message.ShouldContain(name);

    [Theory]
    [InlineData("""{ "port": 8081, "eventIds": 5000, "title": "A", "publishes": ["b"], "listens": [] }""", "the port 8081")]
    [InlineData("""{ "port": 8082, "eventIds": 4000, "title": "A", "publishes": ["b"], "listens": [] }""", "the event ids from 4000")]
    [InlineData("""{ "port": 8082, "eventIds": 5000, "title": "A", "publishes": ["a"], "listens": [] }""", "events about 'a'")]
    [InlineData("""{ "port": 8082, "eventIds": 5000, "title": "A", "listens": [] }""", "publishes")]
    [InlineData("""{ "port": 8082, "title": "A", "publishes": [], "listens": [] }""", "eventIds")]
    [InlineData("""{ "port": 8082, "eventIds": 5000, "title": "A", "publishes": [], "listens": [], "prot": 1 }""", "prot")]
    [InlineData("""{ "port": 8082, "eventIds": 5000, "title": "A", "publishes": ["b"], "listens": [], "stateless": true }""", "stateless")]
    public void Are_told_what_is_wrong_with_a_manifest(string manifest, string what)
    {
        var root = Directory.CreateTempSubdirectory("services-");
        try
        {
            foreach (var (name, text) in new[] { ("one", """{ "port": 8081, "eventIds": 4000, "title": "A", "publishes": ["a"], "listens": [] }"""), ("two", manifest) })
            {
                File.WriteAllText(Path.Combine(root.CreateSubdirectory($"services/{name}").FullName, "service.json"), text);
            }

            Should.Throw<InvalidDataException>(() => Service.Of(root.FullName)).Message.ShouldContain(what);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Fact]
    public void Are_found_by_the_scripts()
    {
        using var bash = Process.Start(new ProcessStartInfo("bash")
        {
            ArgumentList = { "-c", ". deploy/local/lib.sh; printf '%s\\n' \"${SERVICES[@]}\"" }, WorkingDirectory = Repository.Root, RedirectStandardOutput = true,
        })!;
        bash.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(All.Select(s => s.Name));
    }

    [Theory]
    [MemberData(nameof(Each))]
    public void Have_what_a_service_is_made_of(string name)
    {
        var service = All.Single(s => s.Name == name);
        string[] parts =
        [
            $"services/{name}/{service.Project}/{service.Project}.csproj", $"services/{name}/{service.Project}/Dockerfile",
            $"services/{name}/tests/{service.Project}.Tests.csproj", $"deploy/env/{name}.env",
            .. service.Stateless ? (string[])[] : [$"deploy/env/{name}.migrations.env"],
        ];
        parts.Where(part => !File.Exists(Path.Combine(Repository.Root, part))).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Each))]
    public void Hear_of_erased_people(string name)
    {
        var service = All.Single(s => s.Name == name);
        if (!service.Publishes.Contains("user") && !service.Stateless)
        {
            service.Listens.Any(l => l.Covers("shop.user.erased.v1") && l.Events is not ["*"]).ShouldBeTrue(
                "whoever keeps anything about people forgets it with the rest: docs/how-to/add-a-service.md");
        }
    }

    [Fact]
    public void Are_in_the_solution_with_every_other_project()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "Microservices.sln")).Replace('\\', '/');
        Repository.Projects.Select(p => p.Path).Where(path => !Outside.Any(path.StartsWith)).Where(path => !solution.Contains($"\"{path}\"", StringComparison.Ordinal))
            .ShouldBeEmpty("`make test` builds and tests what is in the solution: dotnet sln add");
    }

    // Samples of the packages, generated clients and what is compiled ahead of the tests are built by whoever tries them.
    private static readonly string[] Outside = ["contracts/sample/", "chassis/tests/sample/", "tests/clients/", "tests/Precompiled/"];
}
