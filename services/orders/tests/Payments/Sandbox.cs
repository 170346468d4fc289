extern alias sandbox;

using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using sandbox::PaymentSandbox;

namespace Orders.Tests.Payments;

/// <summary>The payment sandbox in this process, on a port of its own, in memory.</summary>
public sealed class Sandbox : IAsyncDisposable
{
    public const string ApiKey = "sk_test_orders_tests";

    private readonly WebApplication _app;
    private readonly HttpClient _http;

    private Sandbox(WebApplication app)
    {
        this._app = app;
        BaseUrl = new Uri(app.Urls.Single());
        _http = new HttpClient { BaseAddress = BaseUrl };
    }

    public Uri BaseUrl { get; }

    public static async Task<Sandbox> StartAsync()
    {
        var app = SandboxApp.Build([], builder =>
        {
            builder.Logging.ClearProviders();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Sandbox:ApiKey"] = ApiKey, ["Sandbox:SlowSeconds"] = "1.5", ["Sandbox:ProcessingSeconds"] = "1", ["Sandbox:Seed"] = "7",
            });
            builder.WebHost.UseUrls("http://127.0.0.1:0");
        });
        await app.StartAsync();
        return new Sandbox(app);
    }

    public async Task Fault(object rule)
    {
        using var answer = await _http.PostAsJsonAsync("/sandbox/faults", rule);
        answer.EnsureSuccessStatusCode();
    }

    public async Task NoFaults()
    {
        using var answer = await _http.DeleteAsync("/sandbox/faults");
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>The movements of money for one order, oldest first.</summary>
    public async Task<IReadOnlyList<string>> Movements(Guid orderId) =>
        (await _http.GetFromJsonAsync<JsonElement>($"/sandbox/ledger?orderId={orderId}")).GetProperty("entries").EnumerateArray()
            .Select(e => e.GetProperty("type").GetString()!).Reverse().ToList();

    /// <summary>What the customer answers on the page that a payment sends her to.</summary>
    public async Task<HttpStatusCode> Act(string nextActionUrl, string outcome)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["outcome"] = outcome });
        using var answer = await _http.PostAsync(new Uri(nextActionUrl), form);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }
}
