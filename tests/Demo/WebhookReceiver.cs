using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Shop.Demo;

/// <param name="Id">Stable over all attempts of one delivery.</param>
internal sealed record Webhook(string Id, string Type, string? OrderId, bool SignatureValid);

/// <summary>A partner's end point: takes webhooks, checks their Standard Webhooks signature, and answers 204.</summary>
internal sealed class WebhookReceiver : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, Webhook> _received = new();
    private byte[] _secret = [];

    public bool Running => _listener.IsListening;

    public IReadOnlyCollection<Webhook> Received => [.. _received.Values];

    /// <summary>Starts to listen.</summary>
    /// <returns>False if the port is taken; the demo then does without.</returns>
    public bool Start(Uri address)
    {
        // HttpListener calls "all addresses" a plus sign.
        _listener.Prefixes.Add(address.ToString().Replace("0.0.0.0", "+", StringComparison.Ordinal));
        try
        {
            _listener.Start();
        }
        catch (Exception e) when (e is HttpListenerException or SocketException)
        {
            return false;
        }
        _ = Task.Run(ListenAsync);
        return true;
    }

    public void Trust(string whsec) => _secret = Convert.FromBase64String(whsec["whsec_".Length..]);

    private async Task ListenAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
            var body = await reader.ReadToEndAsync();
            Note(context.Request, body);
            context.Response.StatusCode = (int)HttpStatusCode.NoContent;
            context.Response.Close();
        }
    }

    private void Note(HttpListenerRequest request, string body)
    {
        var id = request.Headers["webhook-id"] ?? "";
        var cloudEvent = JsonNode.Parse(body);
        var expected = Convert.ToBase64String(HMACSHA256.HashData(_secret, Encoding.UTF8.GetBytes($"{id}.{request.Headers["webhook-timestamp"]}.{body}")));
        var valid = (request.Headers["webhook-signature"] ?? "").Split(' ').Contains($"v1,{expected}");
        _received[id] = new Webhook(
            id, cloudEvent?["type"]?.ToString() ?? "?", cloudEvent?["data"]?["orderId"]?.ToString() ?? cloudEvent?["subject"]?.ToString(), valid);
    }

    public void Dispose() => ((IDisposable)_listener).Dispose();
}
