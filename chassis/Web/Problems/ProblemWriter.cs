using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Chassis.Web;

/// <summary>Writes problem documents, whatever the request's <c>Accept</c> says: an error must be readable.</summary>
internal static class ProblemWriter
{
    public const string ContentType = "application/problem+json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static Task WriteAsync(HttpContext context, ProblemException problem)
    {
        var response = context.Response;
        response.StatusCode = problem.Status;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        if (response.Headers.RetryAfter.Count == 0
            && (problem.RetryAfter ?? DefaultRetryAfter(problem.Status)) is { } retryAfter)
        {
            response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        var document = new Document(
            $"urn:problem:{problem.Code}",
            ReasonPhrases.GetReasonPhrase(problem.Status) is { Length: > 0 } phrase ? phrase : "Error",
            problem.Status,
            problem.Message,
            context.Request.Path,
            Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier,
            problem.Errors);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(document, Json);
        response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(bytes).AsTask();
    }

    /// <summary>The document for a status that somebody set without a body.</summary>
    public static ProblemException ForStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound => new(status, "not_found", "There is nothing at this address."),
        StatusCodes.Status405MethodNotAllowed => new(status, "method_not_allowed", "This resource does not have this method; see the Allow header."),
        StatusCodes.Status413PayloadTooLarge => new(status, "body_too_large", "The request body is over the limit."),
        StatusCodes.Status415UnsupportedMediaType => new(status, "unsupported_media_type", "The request body must be application/json."),
        StatusCodes.Status401Unauthorized => new(status, "unauthenticated", "This needs a bearer token in the Authorization header."),
        StatusCodes.Status403Forbidden => ProblemException.Forbidden(),
        StatusCodes.Status503ServiceUnavailable or StatusCodes.Status504GatewayTimeout => new(status, "unavailable", "The answer took too long. Try again."),
        >= 500 => new(status, "internal_error", "Something went wrong here. The trace id finds it in our logs."),
        _ => new(status, "request_refused", ReasonPhrases.GetReasonPhrase(status)),
    };

    private static TimeSpan? DefaultRetryAfter(int status) =>
        status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests ? TimeSpan.FromSeconds(5) : null;

    private sealed record Document(
        string Type, string Title, int Status, string Detail, string Instance, string TraceId, IReadOnlyDictionary<string, string[]>? Errors);
}
