using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Contracts.Events;
using Microsoft.Extensions.Options;

namespace Notifications.Webhooks;

/// <summary>Makes one attempt to deliver, and reports how it went; it does not throw.</summary>
public sealed class DeliveryClient(HttpMessageInvoker http, SecretVault vault, IOptions<WebhookOptions> options, TimeProvider clock)
{
    public const string UserAgent = "Shop-Webhooks/1.0";

    /// <summary>How much of an answer is read and kept.</summary>
    public const int ExcerptBytes = 1024;

    /// <returns>Null when the service was stopped in the middle: that says nothing about the endpoint.</returns>
    public async Task<AttemptResult?> AttemptAsync(ClaimedDelivery delivery, CancellationToken stopping)
    {
        var startedAt = clock.GetUtcNow();
        var started = clock.GetTimestamp();
        using var timeout = new CancellationTokenSource(options.Value.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, timeout.Token);
        int? status = null;
        string? error = null;
        string? excerpt = null;
        TimeSpan? retryAfter = null;
        try
        {
            using var request = Compose(delivery, startedAt);
            using var response = await http.SendAsync(request, either.Token);
            status = (int)response.StatusCode;
            retryAfter = RetryAfter(response.Headers, startedAt);
            excerpt = await ExcerptAsync(response, either.Token);
        }
        catch (Exception e)
        {
            // Whatever it is: an attempt that ends without a result would keep its place, and be made again and again.
            // Once the status is there the endpoint has answered, whatever becomes of the rest.
            error = status is null ? Explain(e) : null;
            if (error is not null && stopping.IsCancellationRequested)
            {
                return null;
            }
        }

        return new AttemptResult(delivery, startedAt, clock.GetElapsedTime(started), status, error, excerpt, retryAfter);
    }

    private HttpRequestMessage Compose(ClaimedDelivery delivery, DateTimeOffset now)
    {
        var timestamp = now.ToUnixTimeSeconds();
        var content = new ByteArrayContent(delivery.Body);
        content.Headers.ContentType = new MediaTypeHeaderValue(CloudEventEnvelope.StructuredContentType, "utf-8");
        var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url) { Content = content };
        request.Headers.UserAgent.ParseAdd(UserAgent);
        request.Headers.Add(StandardWebhooks.IdHeader, delivery.EventId);
        request.Headers.Add(StandardWebhooks.TimestampHeader, timestamp.ToString(System.Globalization.CultureInfo.InvariantCulture));
        request.Headers.Add(
            StandardWebhooks.SignatureHeader,
            StandardWebhooks.Sign(delivery.Secrets.Select(s => vault.Open(delivery.WebhookId, s)), delivery.EventId, timestamp, delivery.Body));
        return request;
    }

    private static TimeSpan? RetryAfter(HttpResponseHeaders headers, DateTimeOffset now)
    {
        var wait = headers.RetryAfter?.Delta ?? (headers.RetryAfter?.Date - now);
        if (wait is null
            && headers.NonValidated.TryGetValues("Retry-After", out var raw)
            && raw.ToString() is { Length: > 0 } text
            && text.All(char.IsAsciiDigit))
        {
            // More seconds than the parser can count: it is asked for as long as may be.
            wait = RetrySchedule.LongestRetryAfter;
        }

        return wait > TimeSpan.Zero ? wait : null;
    }

    private static async Task<string?> ExcerptAsync(HttpResponseMessage response, CancellationToken ct)
    {
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        var buffer = new byte[ExcerptBytes];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);

        // PostgreSQL takes no NUL in text.
        return length == 0 ? null : Encoding.UTF8.GetString(buffer, 0, length).Replace('\0', '\uFFFD');
    }

    private static string Explain(Exception e) => e switch
    {
        _ when Contains<AddressRefusedException>(e) => "The host has no address that may be dialled.",
        OperationCanceledException => "No answer in time.",
        _ when Contains<AuthenticationException>(e) => "The TLS connection failed.",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => "The host name is not known.",
        _ when Contains<SocketException>(e) => "The connection failed.",
        CryptographicException => "The secret of the webhook could not be opened with the master secret of this service.",
        HttpRequestException or IOException => "The endpoint did not answer with HTTP.",
        _ => $"The request could not be made ({e.GetType().Name}).",
    };

    private static bool Contains<T>(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is T)
            {
                return true;
            }
        }

        return false;
    }
}
