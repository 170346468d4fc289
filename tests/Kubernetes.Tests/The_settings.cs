using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chassis.Testing;
using Kubernetes.Tests.Composing;
using Services;

namespace Kubernetes.Tests;

/// <summary>What the manifests tell a service is what it understands: every name is one that it has, and its program starts with them.</summary>
public sealed class The_settings
{
    private static readonly IReadOnlyList<Service> All = Service.Of(Repository.Root);

    public static TheoryData<string> Each => [.. All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Each))]
    public void Are_known_to_the_service(string service)
    {
        var known = Known(service, "production");
        foreach (var overlay in (string[])["dev", "production"])
        {
            foreach (var kind in (string[])["Deployment", "Job"])
            {
                Settings(service, kind, overlay).Select(s => s.Key).Where(name => !known.Knows(name)).Except(OfOthers(service))
                    .ShouldBeEmpty($"{kind} {overlay}");
            }
        }
    }

    [Fact]
    public void That_all_have_in_common_are_known_to_some()
    {
        var known = All.Select(s => Known(s.Name, "production")).ToList();
        Data("common", "production").Select(s => s.Key).Where(name => !known.Any(k => k.Knows(name))).ShouldBeEmpty();
    }

    [Fact]
    public void Have_no_name_that_nobody_knows()
    {
        var orders = Known("orders", "production");
        ((string[])["Payments__BaseUrl", "RabbitMq__Uri", "Sealing__FormerSecrets__0"]).ShouldAllBe(name => orders.Knows(name));
        ((string[])["Payments__BaseUri", "Payment__BaseUrl", "Sealing__FormerSecrets", "Fulfilment", "ORDERS_PORT"]).ShouldAllBe(name => !orders.Knows(name));
    }

    [Theory]
    [MemberData(nameof(Each))]
    public void Leave_a_pod_more_time_than_its_service_takes_to_end(string service)
    {
        var pod = Kustomization.Of("production").Single(r => r.ToString() == $"Deployment {service}").Pod!;
        var before = (int)pod["containers"]!.AsArray().Single()!["lifecycle"]!["preStop"]!["sleep"]!["seconds"]!;
        before.ShouldBeGreaterThanOrEqualTo(5, "whoever sends requests hears of it meanwhile");
        ((int)pod["terminationGracePeriodSeconds"]!).ShouldBeGreaterThan(
            before + (int)Known(service, "production").ShutdownTimeout.TotalSeconds + 5, "else it is killed while it drains");
    }

    /// <summary>
    /// The program itself, in Production, with the settings of the manifests, secrets of its own and a certificate, and no database: it refuses none of them,
    /// answers its probes where the manifests say, and is alive and not ready.
    /// </summary>
    [Theory]
    [MemberData(nameof(Each))]
    public async Task Start_the_service_and_its_probes_are_answeredAsync(string service)
    {
        var folder = Directory.CreateTempSubdirectory("kubernetes-");
        var container = Kustomization.Of("production").Single(r => r.ToString() == $"Deployment {service}").Containers.Single();
        var port = Ports.Free();
        await using var process = Start(service, folder.FullName, port);
        Uri PathOf(string probe) => new((string)container[probe]!["httpGet"]!["path"]!, UriKind.Relative);
        using var handler = new HttpClientHandler { AllowAutoRedirect = false, ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var client = new HttpClient(handler)
        {
            BaseAddress = new Uri($"https://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10),
        };
        try
        {
            await Poll.UntilAsync(
                async () =>
                {
                    process.HasExited.ShouldBeFalse(process.Said);
                    return await AskAsync(client, PathOf("startupProbe")) == HttpStatusCode.OK;
                },
                $"{service} to be alive at {PathOf("startupProbe")}",
                TimeSpan.FromMinutes(2));
            (await AskAsync(client, PathOf("livenessProbe"))).ShouldBe(HttpStatusCode.OK, process.Said);
            // The console needs nobody to be ready; whoever has a database waits for it, and says so at this path alone.
            using var ready = await client.GetAsync(PathOf("readinessProbe"));
            ready.StatusCode.ShouldBe(All.Single(s => s.Name == service).Stateless ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable);
            (await ready.Content.ReadAsStringAsync()).ShouldContain(ready.IsSuccessStatusCode ? "healthy" : "The service is starting: ");
            (await AskAsync(client, new Uri("/health/no-such-probe", UriKind.Relative))).ShouldNotBe(HttpStatusCode.OK);
        }
        finally
        {
            await process.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }

    private static async Task<HttpStatusCode?> AskAsync(HttpClient client, Uri path)
    {
        try
        {
            using var answer = await client.GetAsync(path);
            return answer.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    private static RunningProgram Start(string service, string folder, int port)
    {
        var settings = Settings(service, "Deployment", "production").ToDictionary();
        settings["ASPNETCORE_URLS"] = settings["ASPNETCORE_URLS"].Replace("0.0.0.0:8080", $"127.0.0.1:{port}", StringComparison.Ordinal);
        settings["Metrics__Url"] = settings["Metrics__Url"].Replace("0.0.0.0:9464", $"127.0.0.1:{Ports.Free()}", StringComparison.Ordinal);
        foreach (var secret in Secrets(service))
        {
            settings[secret] = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        }

        if (settings.ContainsKey("Console__Keys"))
        {
            settings["Console__Keys"] = folder;
        }

        WriteCertificate(folder, service);
        foreach (var key in settings.Keys.ToList())
        {
            settings[key] = settings[key].Replace("/tls", folder, StringComparison.Ordinal);
        }

        var program = All.Single(s => s.Name == service).Project;
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        return new RunningProgram(Repository.PathOf($"services/{service}/{program}/bin/{output.Parent!.Name}/{output.Name}/{program}.dll"), settings);
    }

    private static void WriteCertificate(string folder, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        File.WriteAllText(Path.Combine(folder, "server.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "server.key"), key.ExportPkcs8PrivateKeyPem());
        Directory.CreateDirectory(Path.Combine(folder, "trusted"));
        File.WriteAllText(Path.Combine(folder, "trusted", "ca.crt"), certificate.ExportCertificatePem());
    }

    private static KnownSettings Known(string service, string overlay) =>
        KnownSettings.Of(
            Assembly.Load(All.Single(s => s.Name == service).Project),
            Settings(service, "Deployment", overlay).Where(s => !s.Key.StartsWith("Kestrel__Certificates__", StringComparison.Ordinal)));

    /// <summary>What everybody has of the settings of all, and a service without messages and records makes nothing of.</summary>
    private static IEnumerable<string> OfOthers(string service) =>
        All.Single(s => s.Name == service).Stateless ? Data("common", "production").Select(s => s.Key) : [];

    private static IEnumerable<KeyValuePair<string, string>> Settings(string service, string kind, string overlay) =>
        Kustomization.Of(overlay).Where(r => r.Kind == kind && r.Name.Split('-')[0] == service).SelectMany(r => r.Containers)
            .SelectMany(c => c["envFrom"]!.AsArray().SelectMany(e => Data((string)e!["configMapRef"]!["name"]!, overlay)));

    private static IEnumerable<string> Secrets(string service) =>
        File.ReadLines(Repository.PathOf("deploy/kubernetes/secrets.txt")).Select(l => l.Split(' '))
            .Where(l => l is [var of, _, "required"] && of == service).Select(l => l[1]);

    private static IEnumerable<KeyValuePair<string, string>> Data(string map, string overlay) =>
        Kustomization.Of(overlay).Single(r => r.ToString() == $"ConfigMap {map}").Data;
}
