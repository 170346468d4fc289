using System.Text.Json;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests;

/// <summary>A gateway with one service behind it, <c>things</c>, that has as many replicas as a test wants.</summary>
public sealed class RunningGateway : IAsyncDisposable
{
    private WebApplication _app = null!;

    public IReadOnlyList<Replica> Replicas { get; private init; } = [];

    /// <summary>Calls the service through the gateway.</summary>
    public HttpClient Client { get; } = new() { BaseAddress = new Uri($"http://127.0.0.1:{Ports.Free()}"), Timeout = TimeSpan.FromMinutes(2) };

    /// <summary>Asks the gateway itself.</summary>
    public HttpClient Own { get; } = new() { BaseAddress = new Uri($"http://127.0.0.1:{Ports.Free()}") };

    public static async Task<RunningGateway> StartAsync(int replicas = 2, IReadOnlyDictionary<string, string>? settings = null, IReadOnlyList<string>? addresses = null)
    {
        var gateway = new RunningGateway { Replicas = [.. Enumerable.Range(1, replicas).Select(n => new Replica($"things-{n}"))] };
        foreach (var replica in gateway.Replicas)
        {
            await replica.StartAsync();
        }

        gateway._app = GatewayApp.Build([], builder =>
        {
            builder.Logging.ClearProviders();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["urls"] = Address(gateway.Own),
                ["Gateway:Services:things:Listen"] = Address(gateway.Client),
                ["Gateway:Services:things:Replicas"] = string.Join(',', addresses ?? [.. gateway.Replicas.Select(r => r.Address)]),
                ["Gateway:ProbeInterval"] = "00:00:00.2",
                ["Gateway:ResolveInterval"] = "00:00:00.2",
                ["Gateway:ConnectTimeout"] = "00:00:20",     // a busy machine is no dead one
                ["Gateway:ProbeTimeout"] = "00:00:20",
            }).AddInMemoryCollection((settings ?? new Dictionary<string, string>()).Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)));
        });
        await gateway._app.StartAsync();
        await Poll.UntilAsync(async () => (await gateway.Own.GetAsync("/health/ready")).IsSuccessStatusCode, "the gateway to have looked at everybody");
        return gateway;
    }

    public async Task StopAsync() => await _app.StopAsync();

    /// <summary>Who answered.</summary>
    public async Task<string> AskAsync(HttpMethod? method = null, string path = "/work")
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        using var answer = await Client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>Waits until so many of its replicas are thought to be well.</summary>
    public Task WaitUntilWellAsync(int count) => Poll.UntilAsync(
        async () => JsonDocument.Parse(await Own.GetStringAsync("/health/ready")).RootElement.GetProperty("services").GetProperty("things").GetProperty("well").GetInt32(),
        well => well == count,
        $"{count} replicas to be well");

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        foreach (var replica in Replicas)
        {
            await replica.DisposeAsync();
        }

        Client.Dispose();
        Own.Dispose();
    }

    private static string Address(HttpClient client) => client.BaseAddress!.GetLeftPart(UriPartial.Authority);
}
