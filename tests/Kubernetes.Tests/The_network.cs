using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Kubernetes.Tests.Composing;

namespace Kubernetes.Tests;

/// <summary>Who reaches whom follows from the settings: every address in them can be reached, and nobody reaches anything else.</summary>
public sealed partial class The_network
{
    /// <summary>Pods that operators make, with the labels that they give them, and by which name they are reached.</summary>
    private static readonly Dictionary<string, (string Name, Dictionary<string, string> Labels)> OfOperators = new()
    {
        ["Cluster"] = ("postgres", new() { ["cnpg.io/cluster"] = "database" }),
        ["RabbitmqCluster"] = ("rabbitmq", new() { ["app.kubernetes.io/name"] = "rabbitmq" }),
    };

    public static TheoryData<string> Overlays => ["dev", "production"];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Lets_everybody_reach_what_its_settings_name_and_nothing_else(string overlay)
    {
        var all = Kustomization.Of(overlay);
        var (allowed, wanted) = (Allowed(all).ToHashSet(), Wanted(all).ToHashSet());
        wanted.Except(allowed).ShouldBeEmpty("its settings name it, and no policy lets it through");
        allowed.Except(wanted).ShouldBeEmpty("policies let it through, and no setting names it");
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Denies_what_is_not_named(string overlay)
    {
        var policies = Kustomization.Of(overlay).Where(r => r.Kind == "NetworkPolicy").Select(r => r.Json["spec"]!).ToList();
        policies.Where(p => p["ingress"] is null && p["egress"] is null)
            .Count(p => p["podSelector"]!.AsObject().Count == 0 && Types(p).SequenceEqual(["Ingress", "Egress"])).ShouldBe(1);
        foreach (var policy in policies.Where(p => p["ingress"] is not null || p["egress"] is not null))
        {
            var rules = (policy["ingress"]?.AsArray() ?? []).Concat(policy["egress"]?.AsArray() ?? []).ToList();
            rules.ShouldNotBeEmpty();
            rules.ShouldAllBe(r => r!["ports"] != null && (r["from"] ?? r["to"]) != null, "an empty list of peers or ports is everybody and everything");
        }
    }

    [Fact]
    public void Lets_in_from_other_namespaces_only_the_gateway_prometheus_and_operators()
    {
        var others = from policy in Kustomization.Of("production")
                     where policy.Kind == "NetworkPolicy"
                     from rule in policy.Json["spec"]!["ingress"]?.AsArray() ?? []
                     from peer in rule!["from"]!.AsArray()
                     where peer!["namespaceSelector"] is not null
                     from port in rule["ports"]!.AsArray()
                     select $"{peer["namespaceSelector"]!["matchLabels"]!["kubernetes.io/metadata.name"]} {port!["port"]}";
        others.ShouldBe(["gateway 8080", "monitoring 9464", "monitoring 15691", "cnpg-system 8000", "cnpg-system 5432"], ignoreOrder: true);
    }

    [Fact]
    public void Leads_from_outside_to_every_service_and_keeps_streams_open()
    {
        var all = Kustomization.Of("production");
        foreach (var service in Services.Service.Of(Repository.Root))
        {
            var rule = all.Single(r => r.Kind == "HTTPRoute" && r.Name == service.Name).Json["spec"]!["rules"]!.AsArray().Single()!;
            ((string)rule["backendRefs"]!.AsArray().Single()!["name"]!).ShouldBe(service.Name);
            ((string)rule["timeouts"]!["request"]!).ShouldBe("0s", "a live order is watched for an hour");
            all.ShouldContain(r => r.Kind == "BackendTLSPolicy" && (string)r.Json["spec"]!["validation"]!["hostname"]! == service.Name);
        }
    }

    /// <summary>From the addresses in the settings, and what no setting says: names are asked for, partners have addresses of their own.</summary>
    private static IEnumerable<string> Wanted(IReadOnlyList<Resource> all)
    {
        var names = Peers(all).Select(p => p.Name).ToHashSet();
        foreach (var workload in all.Where(r => r.Pod is not null))
        {
            var settings = Settings(all, workload).ToDictionary(s => s.Key, s => s.Value);
            yield return $"{workload} > dns 53";
            foreach (var (host, port) in settings.Where(s => IsReached(s.Key, workload)).SelectMany(s => Addresses(s.Key, s.Value, settings)))
            {
                yield return $"{workload} > {(names.Contains(host) ? host : "outside")} {port}";
            }

            if (settings.TryGetValue("Webhooks__AllowPrivateNetworks", out var isPrivate) && isPrivate == "false" && workload.Kind == "Deployment")
            {
                yield return $"{workload} > outside 443";
            }
        }
    }

    // A job that migrates has the settings of its service, and asks the database alone. Who issues tokens is what tokens say, and nobody goes there.
    private static bool IsReached(string key, Resource workload) =>
        workload.Kind == "Job" ? key.StartsWith("ConnectionStrings__", StringComparison.Ordinal) || key == "PGHOST"
        : key is not ("ASPNETCORE_URLS" or "Metrics__Url" or "Authentication__Issuer" or "Mail__ShopUrl")
            && !key.StartsWith("Users__Clients__", StringComparison.Ordinal);

    private static IEnumerable<(string Host, int Port)> Addresses(string key, string value, Dictionary<string, string> settings) =>
        key == "PGHOST" ? [(value, 5432)]
        : key == "Smtp__Host" ? [(value, Number(settings["Smtp__Port"]))]
        : Database().Match(value) is { Success: true } database ? [(database.Groups[1].Value, Number(database.Groups[2].Value))]
        : Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.Host.Length > 0 ? [(uri.Host, uri.Port)]
        : [];

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static IEnumerable<KeyValuePair<string, string>> Settings(IReadOnlyList<Resource> all, Resource workload) =>
        from container in workload.Containers
        from setting in (container["envFrom"]?.AsArray() ?? []).Select(e => (string?)e!["configMapRef"]?["name"]).OfType<string>()
            .SelectMany(name => all.Single(r => r.Kind == "ConfigMap" && r.Name == name).Data)
            .Concat((container["env"]?.AsArray() ?? []).Where(e => e!["value"] is not null)
                .Select(e => KeyValuePair.Create((string)e!["name"]!, (string)e["value"]!)))
        select setting;

    /// <summary>What policies let out of a pod, and into the other where that is one of ours.</summary>
    private static IEnumerable<string> Allowed(IReadOnlyList<Resource> all)
    {
        var peers = Peers(all).ToList();
        return from workload in all
               where workload.Pod is not null
               from rule in Rules(all, workload.PodLabels, "egress")
               from to in rule["to"]!.AsArray()
               from port in rule["ports"]!.AsArray().Select(p => (int)p!["port"]!).Distinct()
               from name in to!["ipBlock"] is not null ? ["outside"]
                   : to["namespaceSelector"] is not null ? ["dns"]
                   : peers.Where(p => Resource.Selects(to["podSelector"]!, p.Labels) && IsLetIn(all, workload.PodLabels, p.Labels, port)).Select(p => p.Name)
               select $"{workload} > {name} {port}";
    }

    private static bool IsLetIn(IReadOnlyList<Resource> all, IReadOnlyDictionary<string, string> from, IReadOnlyDictionary<string, string> to, int port) =>
        Rules(all, to, "ingress").Any(rule => rule["ports"]!.AsArray().Any(p => (int)p!["port"]! == port)
            && rule["from"]!.AsArray().Any(f => f!["namespaceSelector"] is null && Resource.Selects(f["podSelector"]!, from)));

    private static IEnumerable<JsonNode> Rules(IReadOnlyList<Resource> all, IReadOnlyDictionary<string, string> labels, string direction) =>
        all.Where(r => r.Kind == "NetworkPolicy" && Resource.Selects(r.Json["spec"]!["podSelector"]!, labels))
            .SelectMany(r => r.Json["spec"]![direction]?.AsArray() ?? []).Select(r => r!);

    private static IEnumerable<(string Name, IReadOnlyDictionary<string, string> Labels)> Peers(IReadOnlyList<Resource> all) =>
        all.Where(r => r.Kind == "Deployment").Select(r => (r.Name, r.PodLabels))
            .Concat(OfOperators.Where(o => all.Any(r => r.Kind == o.Key)).Select(o => (o.Value.Name, (IReadOnlyDictionary<string, string>)o.Value.Labels)));

    private static IEnumerable<string> Types(JsonNode policy) => policy["policyTypes"]!.AsArray().Select(t => (string)t!);

    [GeneratedRegex("^Host=([^;]+);Port=([0-9]+);")]
    private static partial Regex Database();
}
