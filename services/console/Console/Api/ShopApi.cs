using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace ShopConsole.Api;

/// <summary>
/// The public APIs of the services, as pages ask them: with a time-out, and with an answer in any case. A service that is away takes its part of a page along
/// and nothing else.
/// </summary>
internal sealed class ShopApi(IHttpClientFactory clients, IOptions<ConsoleSettings> settings)
{
    public const string ClientName = "services";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private static readonly IReadOnlyDictionary<string, string[]> NoErrors = new Dictionary<string, string[]>();

    /// <summary>Names of all services that are known: those that every installation has, then the others.</summary>
    public IReadOnlyList<string> Services { get; } =
        [.. ConsoleSettings.Always, .. settings.Value.Services.Keys.Except(ConsoleSettings.Always).Order(StringComparer.Ordinal)];

    /// <summary>Asks for something.</summary>
    /// <param name="service">Name of the service.</param>
    /// <param name="path">With the query, everything in it escaped: <c>$"/v1/orders?search={Uri.EscapeDataString(text)}"</c>.</param>
    /// <param name="ct">Of the request for the page.</param>
    /// <param name="token">In whose name; of whoever looks without one.</param>
    public Task<Answer<T>> GetAsync<T>(string service, string path, CancellationToken ct, string? token = null)
        where T : class => SendAsync<T>(HttpMethod.Get, service, path, null, ct, token: token);

    /// <summary>Has something done, once: a repetition of the same form is the same act.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="service">Name of the service.</param>
    /// <param name="path">With the query.</param>
    /// <param name="body">Of the request, as JSON; null for none.</param>
    /// <param name="ct">Of the request for the page.</param>
    /// <param name="key">Idempotency key: one of the form's, so that a form that is sent twice acts once.</param>
    /// <param name="token">In whose name; of whoever looks without one.</param>
    public async Task<Answer<T>> SendAsync<T>(
        HttpMethod method, string service, string path, object? body, CancellationToken ct, string? key = null, string? token = null)
        where T : class
    {
        if (!settings.Value.Services.TryGetValue(service, out var address))
        {
            return Refused<T>(TroubleKind.Missing, service, $"No address of a service {service} is known here.");
        }

        using var request = new HttpRequestMessage(method, new Uri(address, path));
        if (body is not null)
        {
            request.Content = JsonContent.Create(body, options: Json);
        }

        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (method == HttpMethod.Post)
        {
            request.Headers.Add("Idempotency-Key", key ?? Guid.CreateVersion7().ToString());
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(settings.Value.Timeout);
        try
        {
            using var client = clients.CreateClient(ClientName);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            return await ReadAsync<T>(service, response, timeout.Token);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return Refused<T>(TroubleKind.Away, service, e is OperationCanceledException
                ? $"The service {service} has not answered within {settings.Value.Timeout.TotalSeconds:0.#} s."
                : $"The service {service} does not answer.");
        }
    }

    /// <summary>What a service streams to a page, as it comes. The caller disposes of it.</summary>
    public async Task<HttpResponseMessage> StreamAsync(string service, string path, string? lastEventId, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(settings.Value.Services[service], path));
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        var client = clients.CreateClient(ClientName);
        client.Timeout = System.Threading.Timeout.InfiniteTimeSpan;
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
    }

    private static async Task<Answer<T>> ReadAsync<T>(string service, HttpResponseMessage response, CancellationToken ct)
        where T : class
    {
        if (response.IsSuccessStatusCode)
        {
            if (typeof(T) == typeof(Nothing) || response.StatusCode == HttpStatusCode.NoContent)
            {
                return new Answer<T>(new Nothing() as T, null);
            }

            return await response.Content.ReadFromJsonAsync<T>(Json, ct) is { } value
                ? new Answer<T>(value, null)
                : Refused<T>(TroubleKind.Failed, service, $"The service {service} has answered with nothing.");
        }

        var problem = response.Content.Headers.ContentType?.MediaType == "application/problem+json"
            ? await response.Content.ReadFromJsonAsync<Problem>(Json, ct)
            : null;
        var kind = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => TroubleKind.Forbidden,
            HttpStatusCode.NotFound => TroubleKind.Missing,
            HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed => TroubleKind.Conflict,
            HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity => TroubleKind.Invalid,
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => TroubleKind.Away,
            _ => TroubleKind.Failed,
        };
        var text = problem?.Detail ?? problem?.Title ?? $"The service {service} has answered {(int)response.StatusCode}.";
        return new Answer<T>(null, new Trouble(kind, service, text, problem?.Errors ?? NoErrors));
    }

    private static Answer<T> Refused<T>(TroubleKind kind, string service, string text)
        where T : class => new(null, new Trouble(kind, service, text, NoErrors));

    private sealed record Problem(string? Title, string? Detail, Dictionary<string, string[]>? Errors);
}
