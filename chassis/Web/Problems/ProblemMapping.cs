using System.Text.Json;
using System.Text.RegularExpressions;
using Chassis.Data;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.Web;

/// <summary>Turns what a request can fail with into an answer.</summary>
internal static partial class ProblemMapping
{
    /// <returns>The answer, or null for a defect of ours.</returns>
    public static ProblemException? Map(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case ProblemException problem:
                    return problem;
                case IProblem problem:
                    return problem.ToProblem();
                case BadHttpRequestException bad:
                    return Map(bad);
                case DbUpdateConcurrencyException:
                    return Concurrent("The resource was changed by somebody else at the same time. Read it again and retry.");
                case var _ when DatabaseFailure.IsConflict(e):
                    return Concurrent("The resource was changed by somebody else at the same time. Retry.");
                case PostgresException { SqlState: PostgresErrorCodes.UniqueViolation }:
                    return ProblemException.Conflict("already_exists", "A resource with this key exists already.");
                case PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation }:
                    return Concurrent("What this belongs to was removed by somebody else at the same time. Read it again and retry.");
                case NpgsqlException when DatabaseFailure.IsUnavailable(e):
                    return ProblemException.Unavailable("The database cannot be reached.");
            }
        }

        return null;
    }

    private static ProblemException Concurrent(string detail) =>
        new(StatusCodes.Status409Conflict, "concurrent_change", detail) { RetryAfter = TimeSpan.FromSeconds(1) };

    private static ProblemException Map(BadHttpRequestException bad)
    {
        if (bad.StatusCode != StatusCodes.Status400BadRequest)
        {
            return ProblemWriter.ForStatus(bad.StatusCode);
        }

        if (bad.InnerException is JsonException json)
        {
            return Map(json);
        }

        if (BindingFailure().Match(bad.Message) is { Success: true } failed)
        {
            return ProblemException.Invalid(CamelCase(failed.Groups["name"].Value), "is not valid.");
        }

        if (MissingParameter().Match(bad.Message) is { Success: true } missing)
        {
            return ProblemException.Invalid(CamelCase(missing.Groups["name"].Value), "is required.");
        }

        if (bad.Message.Contains("no body was provided", StringComparison.Ordinal))
        {
            return new ProblemException(StatusCodes.Status400BadRequest, "malformed_body", "A JSON body is required.")
            { Errors = new Dictionary<string, string[]> { ["body"] = ["is required."] } };
        }

        return Unreadable();
    }

    /// <summary>For a request that is not even wrong in one of its fields.</summary>
    public static ProblemException Unreadable() => new(StatusCodes.Status400BadRequest, "malformed_request", "The request could not be read.")
    {
        Errors = new Dictionary<string, string[]> { ["request"] = ["could not be read."] },
    };

    private static ProblemException Map(JsonException json)
    {
        var path = Path(json.Path);
        if (UnknownMember().Match(json.Message) is { Success: true } unknown)
        {
            return ProblemException.Invalid(Join(Parent(path, unknown.Groups["name"].Value), unknown.Groups["name"].Value), "is not a known member.");
        }

        if (MissingMembers().Match(json.Message) is { Success: true } missing)
        {
            return ProblemException.Invalid(QuotedName().Matches(missing.Groups["names"].Value)
                .ToDictionary(m => Join(path, m.Groups[1].Value), _ => (string[])["is required."], StringComparer.Ordinal));
        }

        if (DuplicateMember().Match(json.Message) is { Success: true } duplicate)
        {
            return ProblemException.Invalid(Join(Parent(path, duplicate.Groups["name"].Value), duplicate.Groups["name"].Value), "is there twice.");
        }

        // A path means that the JSON could be read and a value did not fit.
        return path.Length > 0 && json.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)
            ? ProblemException.Invalid(path, "has the wrong type or an unknown value.")
            : new ProblemException(StatusCodes.Status400BadRequest, "malformed_body", "The body is not the JSON that is expected here.")
            { Errors = new Dictionary<string, string[]> { [path.Length > 0 ? path : "body"] = ["is not valid."] } };
    }

    private static string Path(string? path) => path is null or "$" ? "" : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path.TrimStart('$');

    private static string Parent(string path, string name) =>
        path == name ? "" : path.EndsWith("." + name, StringComparison.Ordinal) ? path[..^(name.Length + 1)] : path;

    private static string Join(string parent, string name) => parent.Length == 0 ? name : $"{parent}.{name}";

    private static string CamelCase(string name) => JsonNamingPolicy.CamelCase.ConvertName(name);

    [GeneratedRegex("Failed to bind parameter \"[^\"]*?(?<name>[A-Za-z0-9_]+)\" from")]
    private static partial Regex BindingFailure();

    [GeneratedRegex("Required parameter \"[^\"]*?(?<name>[A-Za-z0-9_]+)\" was not provided from")]
    private static partial Regex MissingParameter();

    [GeneratedRegex("The JSON property '(?<name>[^']+)' could not be mapped")]
    private static partial Regex UnknownMember();

    [GeneratedRegex("was missing required properties including: (?<names>.*)$")]
    private static partial Regex MissingMembers();

    [GeneratedRegex("Duplicate property '(?<name>[^']+)'")]
    private static partial Regex DuplicateMember();

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex QuotedName();
}
