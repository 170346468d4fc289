using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Kubernetes.Tests.Composing;
using Services;

namespace Kubernetes.Tests;

/// <summary>What every pod keeps to, and what every deployment has beside it.</summary>
public sealed partial class The_workloads
{
    private static readonly IReadOnlyList<Service> Services = Service.Of(Repository.Root);

    public static TheoryData<string> Overlays => ["dev", "production"];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Are_those_of_all_services(string overlay)
    {
        var all = Kustomization.Of(overlay);
        Services.Select(s => s.Name).Except(all.Where(r => r.Kind == "Deployment").Select(r => r.Name)).ShouldBeEmpty();
        all.Where(r => r.Kind == "Job").Select(r => r.Name).ShouldBe(
            Services.Where(s => !s.Stateless).Select(s => $"{s.Name}-migrations").Append("provision"), ignoreOrder: true);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Bring_the_schema_to_the_version_of_the_program_with_its_own_settings(string overlay)
    {
        var all = Kustomization.Of(overlay).ToDictionary(r => r.ToString());
        foreach (var service in Services.Where(s => !s.Stateless))
        {
            var (job, deployment) = (all[$"Job {service.Name}-migrations"].Containers.Single(), all[$"Deployment {service.Name}"].Containers.Single());
            ((string)job["image"]!).ShouldBe((string)deployment["image"]!);
            ((string)job["args"]!.AsArray().Single()!).ShouldBe("--migrate");
            var settings = deployment["envFrom"]!.AsArray().Select(e => e!.ToJsonString()).ToList();
            job["envFrom"]!.AsArray().Select(e => e!.ToJsonString()).Take(settings.Count).ShouldBe(settings);
            ((string)all[$"ConfigMap {service.Name}"].Json["data"]!["Database__Migrate"]!).ShouldBe("false", "a pod waits for the job");
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Run_as_nobody_who_may_do_anything(string overlay)
    {
        foreach (var workload in Kustomization.Of(overlay).Where(r => r.Pod is not null))
        {
            var pod = workload.Pod!;
            var who = pod["securityContext"]!;
            ((bool)who["runAsNonRoot"]!).ShouldBeTrue(workload.ToString());
            ((int)who["runAsUser"]!).ShouldBeGreaterThan(0, workload.ToString());
            ((string)who["seccompProfile"]!["type"]!).ShouldBe("RuntimeDefault", workload.ToString());
            ((bool?)pod["automountServiceAccountToken"]).ShouldBe(false, workload.ToString());
            ((bool?)pod["enableServiceLinks"]).ShouldBe(false, $"{workload}: Kubernetes would write ORDERS_PORT and the like into its environment");
            ((string?)pod["serviceAccountName"]).ShouldNotBeNull(workload.ToString());
            foreach (var name in (string[])["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"])
            {
                pod[name].ShouldBeNull(workload.ToString());
            }

            (pod["volumes"]?.AsArray() ?? []).Where(v => v!["hostPath"] is not null).ShouldBeEmpty(workload.ToString());
            workload.Containers.ShouldAllBe(c => IsConfined(c), workload.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Have_images_of_a_version(string overlay)
    {
        var all = Kustomization.Of(overlay);
        var images = all.Where(r => r.Pod is not null).SelectMany(r => r.Containers).Select(c => (string)c["image"]!)
            .Concat(all.Where(r => r.Kind == "Cluster").Select(r => (string)r.Json["spec"]!["imageName"]!))
            .Concat(all.Where(r => r.Kind == "RabbitmqCluster").Select(r => (string)r.Json["spec"]!["image"]!));
        images.Where(i => !Versioned().IsMatch(i) || i.EndsWith(":latest", StringComparison.Ordinal) || i.StartsWith("shop-", StringComparison.Ordinal))
            .ShouldBeEmpty("a version or a digest, by the overlay's images");
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Are_never_all_interrupted_at_once(string overlay)
    {
        var all = Kustomization.Of(overlay);
        foreach (var deployment in all.Where(r => r.Kind == "Deployment"))
        {
            all.Count(r => r.Kind == "PodDisruptionBudget" && Resource.Selects(r.Json["spec"]!["selector"]!, deployment.PodLabels))
                .ShouldBe(1, $"{deployment} has one budget of its own");
            if (Services.Any(s => s.Name == deployment.Name))
            {
                ((int)deployment.Json["spec"]!["strategy"]!["rollingUpdate"]!["maxUnavailable"]!).ShouldBe(0);
                deployment.Pod!["topologySpreadConstraints"]!.AsArray().Select(c => (string)c!["topologyKey"]!).ShouldBe(
                    ["topology.kubernetes.io/zone", "kubernetes.io/hostname"], ignoreOrder: true);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Are_found_by_what_selects_them(string overlay)
    {
        var all = Kustomization.Of(overlay);
        var workloads = all.Where(r => r.Pod is not null).ToList();
        foreach (var deployment in all.Where(r => r.Kind == "Deployment"))
        {
            var selector = deployment.Json["spec"]!["selector"]!;
            workloads.Where(w => Resource.Selects(selector, w.PodLabels)).ShouldBe([deployment], deployment.ToString());
            foreach (var spread in deployment.Pod!["topologySpreadConstraints"]?.AsArray() ?? [])
            {
                Resource.Selects(spread!["labelSelector"]!, deployment.PodLabels).ShouldBeTrue(deployment.ToString());
            }
        }

        foreach (var service in all.Where(r => r.Kind == "Service"))
        {
            var target = workloads.Single(w => Resource.Selects(service.Json["spec"]!["selector"]!, w.PodLabels));
            var ports = target.Containers.SelectMany(c => c["ports"]!.AsArray()).Select(p => (string)p!["name"]!);
            service.Json["spec"]!["ports"]!.AsArray().Select(p => (string)p!["targetPort"]!).Except(ports).ShouldBeEmpty(service.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Have_one_autoscaler_and_then_no_number_of_their_own(string overlay)
    {
        var all = Kustomization.Of(overlay);
        var scaled = all.Where(r => r.Kind is "HorizontalPodAutoscaler" or "ScaledObject")
            .Select(r => (string)r.Json["spec"]!["scaleTargetRef"]!["name"]!).ToList();
        scaled.ShouldBe(Services.Where(s => !s.Stateless).Select(s => s.Name), ignoreOrder: true);
        all.Where(r => r.Kind == "Deployment" && scaled.Contains(r.Name) == (r.Json["spec"]!["replicas"] is not null)).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Are_probed_at_ports_that_they_have(string overlay)
    {
        foreach (var deployment in Kustomization.Of(overlay).Where(r => r.Kind == "Deployment"))
        {
            var container = deployment.Containers.Single();
            var ports = container["ports"]!.AsArray().Select(p => (string)p!["name"]!).ToList();
            foreach (var probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
            {
                var how = container[probe].ShouldNotBeNull($"{deployment} has no {probe}");
                ports.ShouldContain((string)(how["httpGet"] ?? how["tcpSocket"])!["port"]!, deployment.ToString());
            }
        }
    }

    /// <summary>Memory as an idle or busy process was seen to need, and processors for 20 orders per second on each replica.</summary>
    [Fact]
    public void Ask_for_what_was_measured()
    {
        var all = Kustomization.Of("production").Where(r => r.Kind == "Deployment").ToDictionary(r => r.Name);
        var rows = Measured().Matches(File.ReadAllText(Repository.PathOf("docs/guarantees.md")));
        rows.Select(r => r.Groups["service"].Value).ShouldBe(["orders", "notifications", "inventory"], ignoreOrder: true);
        foreach (Match row in rows)
        {
            var requests = all[row.Groups["service"].Value].Containers.Single()["resources"]!["requests"]!;
            Amount(requests["memory"]!, "Mi").ShouldBeGreaterThan(Number(row.Groups["memory"]) * 1e6 / (1024 * 1024), row.Value);
            Amount(requests["cpu"]!, "m").ShouldBeGreaterThanOrEqualTo(Number(row.Groups["processor"]) * 20, row.Value);
        }
    }

    private static bool IsConfined(JsonObject container)
    {
        var may = container["securityContext"];
        return (bool?)may?["allowPrivilegeEscalation"] == false && (bool?)may["readOnlyRootFilesystem"] == true && may["privileged"] is null
            && may["capabilities"]?["drop"]?.AsArray() is [{ } dropped] && (string)dropped! == "ALL" && may["capabilities"]!["add"] is null
            && may["runAsUser"] is null && may["runAsNonRoot"] is null
            && container["resources"]?["requests"]?["cpu"] is not null && container["resources"]!["requests"]!["memory"] is not null
            && container["resources"]!["limits"]?["memory"] is not null;
    }

    private static double Number(Group text) => double.Parse(text.Value, CultureInfo.InvariantCulture);

    private static double Amount(JsonNode amount, string unit) =>
        double.Parse(((string)amount!).Replace(unit, "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\| (?<service>[a-z]+) \| [0-9.]+ ms \| (?<processor>[0-9.]+) ms, (?<memory>[0-9]+) MB \|", RegexOptions.Multiline)]
    private static partial Regex Measured();

    [GeneratedRegex(@"^[^:@]+(:[0-9]{1,5}/[^:@]+)?(:[a-z0-9][a-zA-Z0-9._-]*|@sha256:[0-9a-f]{64})$")]
    private static partial Regex Versioned();
}
