using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Shop.Demo;

/// <summary>An answer of a service: its status and its JSON, if it has one.</summary>
internal sealed record Answer(HttpStatusCode Status, JsonNode? Body)
{
    public bool Ok => (int)Status is >= 200 and < 300;

    public override string ToString() =>
        $"{(int)Status} {Body?["title"]?.ToString() ?? Status.ToString()}{(Body?["detail"] is { } detail ? $": {detail}" : "")}{(Body?["errors"] is { } errors ? $" {errors.ToJsonString()}" : "")}";
}

internal sealed class DemoFailed(string message) : Exception(message);

/// <summary>
/// A client as a careful caller writes one: what failed on the way, and what the service could not do just now (503, 429), is asked again
/// with the same idempotency key, so that a service can be killed under it and no order is placed twice.
/// </summary>
internal sealed class Api(TimeSpan patience) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(15) };

    /// <summary>Set while a service does not answer; the screen shows it.</summary>
    public string? Trouble { get; private set; }

    public Task<Answer> GetAsync(Uri service, string path, string? token) => SendAsync(HttpMethod.Get, service, path, token, null);

    public Task<Answer> PostAsync(Uri service, string path, string? token, JsonNode? body) =>
        SendAsync(HttpMethod.Post, service, path, token, () => new StringContent(body?.ToJsonString() ?? "", Encoding.UTF8, "application/json"));

    public Task<Answer> DeleteAsync(Uri service, string path, string? token) => SendAsync(HttpMethod.Delete, service, path, token, null);

    /// <summary>For what may be away without anybody missing it: asked once, and not for long.</summary>
    public async Task PutIfThereAsync(Uri service, string path, JsonNode body)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        try
        {
            using var answer = await _http.PutAsync(new Uri(service, path), content, patience.Token);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // Then it is not there.
        }
    }

    public async Task<string> SignInAsync(Uri users, string email, string password)
    {
        var answer = await SendAsync(HttpMethod.Post, users, "/connect/token", null, () => new FormUrlEncodedContent(
            [new("grant_type", "password"), new("username", email), new("password", password)]));
        return answer.Body?["access_token"]?.GetValue<string>() ?? throw new DemoFailed($"{email} cannot sign in: {answer}");
    }

    private async Task<Answer> SendAsync(HttpMethod method, Uri service, string path, string? token, Func<HttpContent>? content)
    {
        var key = Guid.CreateVersion7().ToString();
        var deadline = DateTime.UtcNow + patience;
        while (true)
        {
            using var request = new HttpRequestMessage(method, new Uri(service, path));
            request.Content = content?.Invoke();
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            if (token is not null)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }
            if (method == HttpMethod.Post)
            {
                request.Headers.Add("Idempotency-Key", key);
            }

            string what;
            try
            {
                using var response = await _http.SendAsync(request);
                var text = await response.Content.ReadAsStringAsync();
                // 409 "in progress" is this very request, cut off: the service that was killed may still hold its key for a moment.
                var again = (int)response.StatusCode is 429 or >= 500
                    || (response.StatusCode == HttpStatusCode.Conflict && text.Contains("in_progress", StringComparison.OrdinalIgnoreCase));
                if (!again)
                {
                    Trouble = null;
                    return new Answer(response.StatusCode, Parse(text));
                }
                what = $"{service.Authority} answers {(int)response.StatusCode}";
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or SocketException or IOException)
            {
                what = $"{service.Authority} does not answer";
            }
            Trouble = what;
            if (DateTime.UtcNow > deadline)
            {
                throw new DemoFailed($"{what} ({method} {path}). Is everything up? Try: make up");
            }
            await Task.Delay(Pause);
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return text.Length == 0 ? null : JsonNode.Parse(text);
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    public void Dispose() => _http.Dispose();
}
