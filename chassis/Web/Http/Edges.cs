using System.Diagnostics;
using System.Net.Security;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Claims;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Chassis.Web;

internal static class Edges
{
    /// <summary>Largest request body, unless an endpoint says otherwise.</summary>
    public const long MaxBodySize = 1024 * 1024;

    /// <summary>Time within which a request must be answered, unless an endpoint says otherwise.</summary>
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    public static void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = MaxBodySize;
        options.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        options.Limits.MaxRequestHeaderCount = 64;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        options.Limits.MaxConcurrentConnections = 10_000;
        options.ConfigureHttpsDefaults(https =>
        {
            https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
            if (OperatingSystem.IsLinux())
            {
                var strong = StrongCiphers();
                https.OnAuthenticate = (_, tls) => tls.CipherSuitesPolicy = strong;
            }
        });
    }

    /// <summary>What is authenticated, and stays closed when a key is stolen later. Elsewhere the operating system chooses.</summary>
    [SupportedOSPlatform("linux")]
    private static CipherSuitesPolicy StrongCiphers() => new(
    [
        TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ]);
}

/// <summary>A service that only speaks JSON needs few headers, and none of them may be missing on an error.</summary>
internal sealed class SecurityHeaders(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.ContentSecurityPolicy = "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        if (context.Request.IsHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        }

        return next(context);
    }
}

/// <summary>
/// Reads or makes the correlation id, gives it and the trace's id back, and writes one line per request to the log: whose token, no query, no body, nothing
/// else personal.
/// </summary>
internal sealed partial class CorrelationMiddleware(RequestDelegate next, ILogger<CorrelationMiddleware> logger)
{
    public const string Header = "X-Correlation-Id";

    /// <summary>Which span the answer comes from: W3C Trace Context Level 2.</summary>
    public const string TraceHeader = "traceresponse";

    public async Task InvokeAsync(HttpContext context)
    {
        var given = context.Request.Headers[Header].ToString();
        var correlationId = Acceptable().IsMatch(given)
            ? given
            : Activity.Current?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString();
        context.Response.Headers[Header] = correlationId;
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } span)
        {
            context.Response.Headers[TraceHeader] = span.Id;
            span.SetTag("correlation.id", correlationId);
        }


        using var _ = OperationContext.Begin(new OperationContext(correlationId));
        var started = Stopwatch.GetTimestamp();
        try
        {
            await next(context);
        }
        finally
        {
            if (logger.IsEnabled(LogLevel.Information) && !context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal))
            {
                LogRequest(
                    logger, context.Request.Method, (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(no route)",
                    context.Response.StatusCode, Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 1),
                    context.User.FindFirstValue(Claims.Subject) ?? "-", context.User.FindFirstValue(Claims.ClientId) ?? "-");
            }
        }
    }

    [GeneratedRegex("^[A-Za-z0-9._:@/+=-]{1,128}$")]
    private static partial Regex Acceptable();

    [LoggerMessage(1301, LogLevel.Information, "{Method} {Route} {Status} in {Milliseconds} ms for {User} through {Client}", EventName = "request.answered")]
    private static partial void LogRequest(ILogger logger, string method, string route, int status, double milliseconds, string user, string client);
}

/// <summary>After authentication: who it is goes into the operation's context; the body is checked and, for idempotency keys, buffered.</summary>
internal sealed class RequestContextMiddleware(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        var limit = endpoint?.Metadata.GetMetadata<IRequestSizeLimitMetadata>() is { } metadata ? metadata.MaxRequestBodySize : Edges.MaxBodySize;
        if (context.Request.ContentLength > limit)
        {
            throw ProblemWriter.ForStatus(StatusCodes.Status413PayloadTooLarge);
        }

        if (endpoint?.Metadata.GetMetadata<IdempotencyMetadata>() is not null && context.Request.Headers.ContainsKey(Idempotency.Header))
        {
            context.Request.EnableBuffering(bufferThreshold: (int)Edges.MaxBodySize);
        }

        if (context.User.Identity is { IsAuthenticated: true })
        {
            // What somebody gets is for nobody else, and for no disk on the way. An endpoint whose answer is everybody's says so itself.
            context.Response.Headers.CacheControl = "no-store";
        }

        using var _ = OperationContext.Begin(OperationContext.Current with
        {
            UserId = context.User.FindFirst(Claims.Subject)?.Value,
            TenantId = context.User.FindFirst(Claims.Tenant)?.Value,
        });
        await next(context);
    }
}
