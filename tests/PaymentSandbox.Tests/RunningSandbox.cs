using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace PaymentSandbox.Tests;

/// <summary>
/// A sandbox on a free port, with its journal in a directory of its own; <see cref="RestartAsync"/> is what an operator would call a restart.
/// </summary>
public sealed class RunningSandbox : IAsyncDisposable
{
    private const string ApiKey = "sk_test_for_the_tests";

    private readonly string _directory = Directory.CreateTempSubdirectory("payment-sandbox-").FullName;
    private WebApplication _app = null!;

    public HttpClient Client { get; private set; } = null!;

    public string JournalFile => Path.Combine(_directory, "journal.jsonl");

    public static async Task<RunningSandbox> StartAsync()
    {
        var sandbox = new RunningSandbox();
        await sandbox.RunAsync();
        return sandbox;
    }

    public async Task StopAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    public async Task RestartAsync(Action<string>? whileDown = null)
    {
        await StopAsync();
        whileDown?.Invoke(JournalFile);
        await RunAsync();
    }

    public Task<HttpResponseMessage> Authorize(string order, string card = "pm_card_visa", string? key = null, long amount = 1999) =>
        Post("/v1/payment_intents", key, new()
        {
            ["amount"] = amount.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["currency"] = "eur",
            ["payment_method"] = card,
            ["capture_method"] = "manual",
            ["confirm"] = "true",
            ["metadata[order_id]"] = order,
        });

    /// <summary>A payment that waits for its confirmation.</summary>
    public async Task<string> Made(string order, string card = "pm_card_visa", string? key = null)
    {
        using var answer = await Make(order, card, key);
        return (await Body(answer)).GetProperty("id").GetString()!;
    }

    public Task<HttpResponseMessage> Make(string order, string card, string? key = null) => Post("/v1/payment_intents", key, new()
    {
        ["amount"] = "1999",
        ["currency"] = "eur",
        ["payment_method"] = card,
        ["capture_method"] = "manual",
        ["metadata[order_id]"] = order,
    });

    public async Task<JsonElement> Intent(string id) => await Client.GetFromJsonAsync<JsonElement>($"/v1/payment_intents/{id}");

    public async Task<string> Authorized(string order, string card = "pm_card_visa")
    {
        using var answer = await Authorize(order, card);
        return (await Body(answer)).GetProperty("id").GetString()!;
    }

    public async Task<HttpResponseMessage> Post(string path, string? key = null, Dictionary<string, string>? form = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form ?? []) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await Client.SendAsync(request);
    }

    public async Task Fault(object rule)
    {
        using var answer = await Client.PostAsJsonAsync("/sandbox/faults", rule);
        answer.EnsureSuccessStatusCode();
    }

    public async Task<IReadOnlyList<string>> Movements(string order) =>
        (await Client.GetFromJsonAsync<JsonElement>($"/sandbox/ledger?orderId={order}")).GetProperty("entries").EnumerateArray()
            .Select(e => e.GetProperty("type").GetString()!).Reverse().ToList();

    public static async Task<JsonElement> Body(HttpResponseMessage answer) => await answer.Content.ReadFromJsonAsync<JsonElement>();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task RunAsync()
    {
        _app = SandboxApp.Build([], builder =>
        {
            builder.Logging.ClearProviders();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Sandbox:ApiKey"] = ApiKey,
                ["Sandbox:DataDirectory"] = _directory,
                ["Sandbox:SlowSeconds"] = "0.4",
                ["Sandbox:ProcessingSeconds"] = "0.4",
                ["Sandbox:Seed"] = "42",
            });
            builder.WebHost.UseUrls("http://127.0.0.1:0");
        });
        await _app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiKey);
    }
}
