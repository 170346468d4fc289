using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Services;

namespace Architecture.Tests;

/// <summary>What an IDE and <c>dotnet run</c> read, against what the scripts of <c>make up</c> say.</summary>
public sealed partial class A_service_on_a_developers_machine
{
    public static TheoryData<string, string> Services =>
    [
        .. Service.Of(Repository.Root).Select(s => (s.Name, $"services/{s.Name}/{s.Project}")), ("payment-sandbox", "deploy/payment-sandbox"),
    ];

    [Theory]
    [MemberData(nameof(Services))]
    public void Has_the_settings_that_make_up_gives_it(string service, string folder)
    {
        var file = new ConfigurationBuilder().AddJsonFile(Path.Combine(Repository.Root, folder, "appsettings.Development.json"), optional: false).Build();
        var development = file.AsEnumerable()
            .Where(s => s.Value is not null)
            .Select(s => $"{s.Key}={(bool.TryParse(s.Value, out var flag) ? (flag ? "true" : "false") : s.Value)}");
        var script = MakeUp(service).Where(s => s.Contains("__", StringComparison.Ordinal)).Select(s => s.Split('=', 2)).Select(
            s => $"{s[0].Replace("__", ":", StringComparison.Ordinal)}={s[1]}")
            .Where(s => !s.StartsWith("Sandbox:DataDirectory=", StringComparison.Ordinal)   // a folder of this machine; without it the ledger is in memory
                && !s.StartsWith("Console:Keys=", StringComparison.Ordinal)                 // another one; without it everybody signs in again
                && !s.StartsWith("Kestrel:", StringComparison.Ordinal)                      // nothing without TLS=true
                && s != "Database:Migrate=false");                                          // here nobody else migrates
        development.Order(StringComparer.Ordinal).ShouldBe(
            script.Order(StringComparer.Ordinal), $"{folder}/appsettings.Development.json says what .env.example and deploy/env/{service}.env say.");
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Listens_where_make_up_has_it_and_on_loopback_only(string service, string folder)
    {
        using var settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, folder, "Properties", "launchSettings.json")));
        foreach (var profile in settings.RootElement.GetProperty("profiles").EnumerateObject())
        {
            MakeUp(service).ShouldContain($"ASPNETCORE_URLS={profile.Value.GetProperty("applicationUrl").GetString()}", $"profile {profile.Name} of {folder}");
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Keeps_its_development_passwords_out_of_what_is_built(string service, string folder)
    {
        var output = Path.Combine(Repository.Root, folder, "bin");
        Directory.Exists(output).ShouldBeTrue($"{service} is built along with this test");
        Directory.GetFiles(output, "appsettings.Development.json", SearchOption.AllDirectories).ShouldBeEmpty("it would go into images and tests.");
    }

    [Fact]
    public void Has_every_route_that_the_http_files_ask_for()
    {
        var requests = from file in Directory.GetFiles(Path.Combine(Repository.Root, "docs", "http"), "*.http")
                       from Match request in Request().Matches(File.ReadAllText(file))
                       select (Service: request.Groups["service"].Value, Route: $"{request.Groups["method"].Value} {request.Groups["path"].Value}");
        var unknown = requests.Where(
            r => !RoutesOf(r.Service).Any(route => Regex.IsMatch(r.Route, $"^{Regex.Replace(Regex.Escape(route), @"\\\{[^}]+}", "[^/]+")}$"))).ToList();
        requests.ShouldNotBeEmpty();
        unknown.ShouldBeEmpty("docs/http/ names routes that the authorization matrix of the service does not know.");
    }

    /// <summary>The matrix has a row for every route, or its own test fails.</summary>
    private static IEnumerable<string> RoutesOf(string service) =>
        from source in Repository.Sources($"services/{service}/tests")
        from Match row in MatrixRow().Matches(string.Join('\n', source.Lines))
        select row.Groups[1].Value;

    [GeneratedRegex(@"^(?<method>GET|POST|PUT|PATCH|DELETE) \{\{(?<service>\w+)}}(?<path>[^?\s]*)", RegexOptions.Multiline)]
    private static partial Regex Request();

    [GeneratedRegex(@"\.Row\(\s*""([A-Z]+ /[^""]*)""")]
    private static partial Regex MatrixRow();

    /// <summary>
    /// The environment that <c>deploy/local/services.sh</c> would give the process, with the defaults of <c>.env.example</c>, whatever this machine's own .env
    /// says.
    /// </summary>
    private static string[] MakeUp(string service)
    {
        var start = new ProcessStartInfo("bash")
        {
            ArgumentList =
            {
                "-c",
                """
                set -a; . ./.env.example; set +a
                . deploy/local/lib.sh; export_local_addresses
                if [ "$1" = payment-sandbox ]; then environment_of "$1"
                elif keeps_nothing "$1"; then environment_of common "$1"
                else environment_of common "$1" "$1.migrations"; fi
                printf '%s\n' "${environment[@]}"
                """,
                "bash",
                service,
            },
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        using var bash = Process.Start(start)!;
        var lines = bash.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        bash.WaitForExit();
        bash.ExitCode.ShouldBe(0);
        return lines;
    }
}
