using System.Text.Json;
using Json.Schema;
using k8s;
using k8s.Models;
using Kubernetes.Tests.Composing;

namespace Kubernetes.Tests;

/// <summary>What an API server would refuse is refused here: a field that is none, a value of another type, a name that nothing has.</summary>
public sealed class The_manifests
{
    public static TheoryData<string> Overlays => ["dev", "production"];

    private static readonly EvaluationOptions Strict = new() { OutputFormat = OutputFormat.List, RequireFormatValidation = true };

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Have_no_field_that_Kubernetes_does_not_know(string overlay)
    {
        var ours = Kustomization.Of(overlay).Where(r => !r.IsCustom).ToList();
        ours.Count.ShouldBeGreaterThan(40);
        foreach (var resource in ours)
        {
            try
            {
                KubernetesYaml.LoadAllFromString(resource.Json.ToJsonString(), null, strict: true).Single()
                    .ShouldBeAssignableTo<IKubernetesObject<V1ObjectMeta>>();
            }
            catch (Exception e) when (e is not ShouldAssertException)
            {
                Assert.Fail($"{resource}: {e.GetBaseException().Message}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Have_no_field_that_the_definitions_of_operators_do_not_know(string overlay)
    {
        var custom = Kustomization.Of(overlay).Where(r => r.IsCustom).ToList();
        custom.ShouldNotBeEmpty();
        custom.SelectMany(Problems).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" }, "spec": { "replica": 1 } }""")]
    [InlineData("""{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" }, "spec": { "replicas": "many" } }""")]
    [InlineData("""{ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" }, "data": [] }""")]
    public void Would_be_refused_with_a_field_that_is_none(string manifest) =>
        Should.Throw<Exception>(() => KubernetesYaml.LoadAllFromString(manifest, null, strict: true));

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Are_all_in_one_namespace(string overlay) =>
        Kustomization.Of(overlay).Where(r => r.Kind != "Namespace").Select(r => (string?)r.Json["metadata"]!["namespace"]).Distinct().ShouldBe(["shop"]);

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Refer_to_nothing_that_is_neither_made_nor_expected(string overlay)
    {
        var all = Kustomization.Of(overlay);
        References.In(all).Except(References.MadeBy(all)).Except(References.Expected).ShouldBeEmpty("deploy/kubernetes/secrets.txt lists what is expected");
    }

    [Fact]
    public void Expect_no_secret_that_nobody_refers_to()
    {
        string[] forOperators = ["postgres-tls", "postgres-ca", "postgres-superuser", "postgres-roles", "rabbitmq-tls", "shop-ca"];
        var asked = Overlays.SelectMany(o => References.In(Kustomization.Of(o.Data))).ToHashSet();
        References.Expected.Where(e => !forOperators.Contains(e.Split(' ')[0]) && !e.EndsWith("-tls ca.crt", StringComparison.Ordinal)).Except(asked)
            .ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Have_no_secret_in_them(string overlay)
    {
        var all = Kustomization.Of(overlay);
        all.Where(r => r.Kind == "Secret").ShouldBeEmpty();
        foreach (var settings in all.Where(r => r.Kind == "ConfigMap" && r.Name != "provision"))
        {
            settings.Data.Select(d => new Services.Generator.Kubernetes.EnvironmentVariable(d.Key, d.Value))
                .Where(v => v.IsSecret || v.Value.Contains("Password=", StringComparison.OrdinalIgnoreCase)).ShouldBeEmpty(settings.ToString());
        }
    }

    private static IEnumerable<string> Problems(Resource resource)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Schemas", $"{resource.Kind}.json");
        if (!File.Exists(file))
        {
            return [$"{resource}: there is no schema of its kind in tests/Kubernetes.Tests/Schemas."];
        }

        using var json = JsonDocument.Parse(resource.Json.ToJsonString());
        var result = JsonSchema.FromText(File.ReadAllText(file)).Evaluate(json.RootElement, Strict);
        return result.IsValid
            ? []
            : (result.Details ?? []).Where(d => d.Errors is { Count: > 0 })
                .SelectMany(d => d.Errors!.Select(e => $"{resource}{d.InstanceLocation}: {e.Value}"))
                .DefaultIfEmpty($"{resource} is not valid.");
    }
}
