using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace Gateway;

/// <summary>What the gateway itself has to say, in the form that those behind it have for their errors (RFC 9457).</summary>
internal sealed record Problem(int Status, string Code, string Detail, TimeSpan? RetryAfter = null)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    public static Problem NobodyThere { get; } = new(503, "unavailable", "No replica of this service answers. The request had no effect; try again.", Soon);

    public static Problem TooSlow { get; } = new(
        504, "unavailable", "The answer took too long. What the request does may still happen: repeat it with the same Idempotency-Key.", Soon);

    public static Problem UnknownOutcome { get; } = new(
        502, "outcome_unknown", "The replica went away before it answered. Whether the request had an effect is not known: repeat it with the same Idempotency-Key.",
        Soon);

    public static Problem NotFound { get; } = new(404, "not_found", "There is nothing at this address.");

    public static Problem TooLarge { get; } = new(413, "body_too_large", "The request body is over the limit.");

    public static Problem Refused { get; } = new(400, "request_refused", "The request cannot be passed on.");

    /// <summary>Takes the place of whatever the answer was to be; it must not have begun.</summary>
    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        var response = context.Response;
        response.Clear();
        response.StatusCode = problem.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (problem.RetryAfter is { } pause)
        {
            response.Headers.RetryAfter = Math.Ceiling(pause.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            type = $"urn:problem:{problem.Code}",
            title = ReasonPhrases.GetReasonPhrase(problem.Status),
            status = problem.Status,
            detail = problem.Detail,
            instance = context.Request.Path.Value,
            traceId = Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier,
        });
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    }
}
