using System.Diagnostics;
using System.Text;
using Chassis.Testing;
using Kubernetes.Tests.Composing;

namespace Kubernetes.Tests;

/// <summary>What brings secrets and overlays onto a cluster, tried without one: a kubectl stands in that notes what it is asked.</summary>
public sealed class The_scripts : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kubernetes-scripts-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Make_every_secret_that_is_expectedAsync()
    {
        var made = Yaml.Read(await RunAsync("deploy/kubernetes/secrets.sh")).ToDictionary(r => (string)r["metadata"]!["name"]!);
        var expected = File.ReadLines(Repository.PathOf("deploy/kubernetes/secrets.txt")).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(' '));
        foreach (var line in expected)
        {
            var value = (string?)made[line[0]]["data"]?[line[1]];
            (value is { Length: > 0 } || line[2] == "optional").ShouldBeTrue(string.Join(' ', line));
            value?.ShouldBe(Convert.ToBase64String(Convert.FromBase64String(value)));
        }

        made["orders-tls"]["type"]!.GetValue<string>().ShouldBe("kubernetes.io/tls");
        Text(made["orders-tls"]["data"]!["tls.crt"]!).ShouldStartWith("-----BEGIN CERTIFICATE-----");
        Text(made["orders-tls"]["data"]!["ca.crt"]!).Trim().ShouldBe(((string)made["shop-ca"]["data"]!["ca.crt"]!).Trim());
        Text(made["rabbitmq-definitions"]["data"]!["definitions.json"]!).ShouldNotContain("${");
    }

    [Fact]
    public async Task Roll_out_after_the_migrationsAsync()
    {
        var asked = await WithKubectlAsync("""case $1 in kustomize) cat "$0.yaml" ;; esac""");
        asked.Where(a => a.StartsWith("get secret", StringComparison.Ordinal)).ShouldNotContain(a => a.Contains("payment-sandbox", StringComparison.Ordinal));
        asked.Where(a => !a.StartsWith("get secret", StringComparison.Ordinal)).Select(a => string.Join(' ', a.Split(' ').Where(w => !w.StartsWith('/'))))
            .ShouldBe(
            [
                "kustomize",
                "apply --filename --selector app.kubernetes.io/component notin (service, migrations)",
                "delete job --namespace shop --selector app.kubernetes.io/component=migrations --ignore-not-found --wait",
                "apply --filename --selector app.kubernetes.io/component=migrations",
                "wait --namespace shop --for=condition=complete job --selector app.kubernetes.io/component=migrations --timeout=30m",
                "apply --filename",
                "rollout status deployment --namespace shop --selector app.kubernetes.io/component=service --timeout=10m",
            ]);
    }

    [Fact]
    public async Task Change_nothing_while_a_secret_is_missing_or_a_migration_failsAsync()
    {
        var asked = await WithKubectlAsync("""case "$1 $3" in "get orders-tls") exit 1 ;; esac""", fails: "orders-tls");
        asked.ShouldAllBe(a => a.StartsWith("get ", StringComparison.Ordinal) || a.StartsWith("kustomize ", StringComparison.Ordinal));
        asked = await WithKubectlAsync("""case $1 in wait) exit 1 ;; esac""", fails: "");
        asked[^1].ShouldStartWith("wait", Case.Sensitive, "the services of before stay");
    }

    [Fact]
    public void Tell_every_workload_of_ours_apart_by_what_is_selected()
    {
        foreach (var workload in Kustomization.Of("production").Where(r => r.Pod is not null))
        {
            ((string)workload.Json["metadata"]!["labels"]!["app.kubernetes.io/component"]!).ShouldBe(workload.Kind == "Job" ? "migrations" : "service");
        }
    }

    private async Task<IReadOnlyList<string>> WithKubectlAsync(string does, string? fails = null)
    {
        var notes = Path.Combine(_folder.FullName, "notes");
        File.Delete(notes);
        var kubectl = Path.Combine(_folder.FullName, "kubectl");
        await File.WriteAllTextAsync(kubectl, $"#!/bin/sh\necho \"$@\" >>'{notes}'\n{does}\n");
        await File.WriteAllTextAsync($"{kubectl}.yaml", "");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(kubectl, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        if (fails is null)
        {
            await RunAsync("deploy/kubernetes/apply.sh", "production");
        }
        else
        {
            (await Should.ThrowAsync<InvalidOperationException>(() => RunAsync("deploy/kubernetes/apply.sh", "production"))).Message.ShouldContain(fails);
        }

        return await File.ReadAllLinesAsync(notes);
    }

    private async Task<string> RunAsync(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Repository.PathOf(script), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = $"{_folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["SHOP_STATE"] = Path.Combine(_folder.FullName, "state");
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{script}: {output}{await errors}");
    }

    private static string Text(System.Text.Json.Nodes.JsonNode base64) => Encoding.UTF8.GetString(Convert.FromBase64String((string)base64!));
}
