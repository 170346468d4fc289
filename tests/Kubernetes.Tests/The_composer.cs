using System.Diagnostics;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Kubernetes.Tests.Composing;

namespace Kubernetes.Tests;

/// <summary>What puts overlays together for these tests is not what does it for a cluster; so it is held against that.</summary>
public sealed class The_composer
{
    [Theory]
    [InlineData("dev")]
    [InlineData("production")]
    public void Makes_what_kustomize_makes(string overlay)
    {
        var theirs = Kustomize(Repository.PathOf($"deploy/kubernetes/overlays/{overlay}")).Select(r => new Resource(r.AsObject()))
            .ToDictionary(r => r.ToString());
        var ours = Kustomization.Of(overlay);
        ours.Select(r => r.ToString()).ShouldBe(theirs.Keys, ignoreOrder: true);
        ours.Where(r => !JsonNode.DeepEquals(r.Json, theirs[r.ToString()].Json)).Select(r => $"{r.Json}\nand not\n{theirs[r.ToString()].Json}")
            .ShouldBeEmpty();
    }

    [Theory]
    [InlineData("resources: []\ncommonLabels: { a: b }", "commonLabels")]
    [InlineData("resources: [a.yaml, a.yaml]", "twice")]
    [InlineData("resources: [a.yaml]\npatches: [{ patch: '{ kind: Pod, metadata: { name: b } }' }]", "nothing to patch")]
    [InlineData("resources: [a.yaml]\npatches: [{ target: { kind: Pod }, patch: '[{ op: replace, path: /spec/x, value: 1 }]' }]", "not possible")]
    [InlineData("resources: [a.yaml]\npatches: [{ target: { labelSelector: a }, patch: '[]' }]", "labelSelector")]
    [InlineData("configMapGenerator: [{ name: a, files: [a.yaml] }]", "hashes")]
    public void Says_what_it_does_not_know(string kustomization, string what)
    {
        var folder = Directory.CreateTempSubdirectory("kustomization-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "kustomization.yaml"), kustomization);
            File.WriteAllText(Path.Combine(folder.FullName, "a.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: {}\n");
            Should.Throw<InvalidDataException>(() => Kustomization.Build(folder.FullName, [])).Message.ShouldContain(what);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IReadOnlyList<JsonNode> Kustomize(string folder)
    {
        try
        {
            var start = new ProcessStartInfo("kubectl", ["kustomize", folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            process.ExitCode.ShouldBe(0, errors.Result);
            return [.. Yaml.Read(output)];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Missing.Choice("There is no kubectl here: the real kustomize is asked where there is one.");
        }
    }
}
