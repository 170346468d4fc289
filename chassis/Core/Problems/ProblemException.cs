namespace Chassis;

/// <summary>An answer other than success, as the problem document (RFC 9457) that the caller gets.</summary>
/// <param name="status">HTTP status code, 400 to 599.</param>
/// <param name="code">Stable name of the problem in snake_case; becomes the last part of <c>type</c>.</param>
/// <param name="detail">One sentence for the caller. Never personal data, never internals.</param>
public sealed class ProblemException(int status, string code, string detail) : Exception(detail)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    /// <summary>Messages by field, in the caller's spelling of the field.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>When it is worth trying again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>404, also for a resource that belongs to somebody else.</summary>
    public static ProblemException NotFound(string detail = "There is no such resource.") =>
        new(404, "not_found", detail);

    /// <summary>409: the request is fine and the resource's state does not allow it.</summary>
    public static ProblemException Conflict(string code, string detail) => new(409, code, detail);

    /// <summary>403: this caller may never do this.</summary>
    public static ProblemException Forbidden(string detail = "Your role does not allow this.") =>
        new(403, "forbidden", detail);

    /// <summary>412: the version in <c>If-Match</c> is not the current one.</summary>
    public static ProblemException PreconditionFailed() =>
        new(412, "version_mismatch", "The resource has changed since the version that If-Match names.");

    /// <summary>429: the caller has had, or holds, as much as one caller may.</summary>
    public static ProblemException TooMany(string code, string detail, TimeSpan retryAfter) =>
        new(429, code, detail) { RetryAfter = retryAfter };

    /// <summary>503: something that the answer needs is not there right now.</summary>
    public static ProblemException Unavailable(string detail, TimeSpan? retryAfter = null) =>
        new(503, "dependency_unavailable", detail) { RetryAfter = retryAfter ?? TimeSpan.FromSeconds(5) };

    /// <summary>400 for one field.</summary>
    public static ProblemException Invalid(string field, string message) =>
        Invalid(new Dictionary<string, string[]> { [field] = [message] });

    /// <summary>400 for several fields.</summary>
    public static ProblemException Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        new(400, "validation_failed", "One or more fields are not valid.") { Errors = errors };
}
