using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;

namespace Notifications.Tests.Support;

/// <summary>One delivery as the partner's receiver saw it; <c>Refusal</c> is null when signature and event are right.</summary>
public sealed record Received(
    string Id,
    string Method,
    string ContentType,
    string UserAgent,
    int Signatures,
    IReadOnlyList<string> Headers,
    string Sha256,
    string? Refusal,
    JsonElement? Event);

/// <summary>The receiver in <c>receiver/</c>: a Node process that uses the packages of partners.</summary>
public sealed class Receiver : IAsyncDisposable
{
    private readonly Process _process;
    private readonly HttpClient _control;

    private Receiver(Process process, Uri address)
    {
        this._process = process;
        Address = address;
        _control = new HttpClient { BaseAddress = address };
    }

    public Uri Address { get; }

    public static async Task<Receiver> Start()
    {
        var folder = Repository.PathOf("services/notifications/tests/receiver");
        await Outsiders.InstallNodePackagesAsync(folder);
        var process = Outsiders.Start(new ProcessStartInfo("node", ["receiver.js"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        });
        var port = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The receiver did not start.");
        return new Receiver(process, new Uri($"http://127.0.0.1:{port}"));
    }

    public Uri Hook(string name) => new(Address, $"/hooks/{name}");

    /// <summary>What the partner takes for the secrets of an endpoint.</summary>
    public Task Trust(string name, params string[] secrets) => _control.PutAsJsonAsync(new Uri($"/secrets/{name}", UriKind.Relative), new { secrets });

    /// <summary>How an endpoint answers: one after the other, the last one for good.</summary>
    public Task Answer(string name, params object[] answers) => _control.PutAsJsonAsync(new Uri($"/behaviour/{name}", UriKind.Relative), new { answers });

    public async Task<IReadOnlyList<Received>> Deliveries(string name) =>
        (await _control.GetFromJsonAsync<List<Received>>(new Uri($"/deliveries/{name}", UriKind.Relative)))!;

    public async ValueTask DisposeAsync()
    {
        _control.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
