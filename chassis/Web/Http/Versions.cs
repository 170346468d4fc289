using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Chassis.Web;

/// <summary>The versions that the caller believes to be current, from <c>If-Match</c> (RFC 9110, 13.1.1).</summary>
public readonly record struct ExpectedVersion
{
    /// <summary>Any version will do.</summary>
    public static readonly ExpectedVersion Any;

    private readonly IList<EntityTagHeaderValue>? _tags;

    private ExpectedVersion(IList<EntityTagHeaderValue> tags) => this._tags = tags;

    /// <summary>Minimal APIs call this for a parameter of this type.</summary>
    public static ValueTask<ExpectedVersion> BindAsync(HttpContext context)
    {
        if (!context.Request.Headers.TryGetValue(HeaderNames.IfMatch, out var header))
        {
            return ValueTask.FromResult(Any);
        }

        // What is no list of entity tags, or an empty one, names no version of ours: the write is answered 412.
        var tags = EntityTagHeaderValue.TryParseStrictList(header, out var parsed) ? parsed : [];
        return ValueTask.FromResult(tags.Contains(EntityTagHeaderValue.Any) ? Any : new ExpectedVersion(tags));
    }

    /// <exception cref="ProblemException">412 when the caller expected another version.</exception>
    public void Check(long actual)
    {
        var current = VersionResults.TagOf(actual);
        if (_tags?.Any(expected => expected.Compare(current, useStrongComparison: true)) == false)
        {
            throw ProblemException.PreconditionFailed();
        }
    }
}

public static class VersionResults
{
    internal static EntityTagHeaderValue TagOf(long version) => new(string.Create(CultureInfo.InvariantCulture, $"\"{version}\""));

    /// <summary>Answers with the resource's version as its <c>ETag</c>, and with 304 to a <c>GET</c> whose <c>If-None-Match</c> names it.</summary>
    public static ETagged<TResult> WithETag<TResult>(this TResult result, long version)
        where TResult : IResult, IEndpointMetadataProvider => new(result, version);
}

/// <summary>A result with an entity tag.</summary>
public sealed class ETagged<TResult>(TResult result, long version) : IResult, IEndpointMetadataProvider
    where TResult : IResult, IEndpointMetadataProvider
{
    [SuppressMessage("Design", "CA1000", Justification = "The interface asks for it.")]
    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) => TResult.PopulateMetadata(method, builder);

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var tag = VersionResults.TagOf(version);
        httpContext.Response.Headers.ETag = tag.ToString();
        if (HttpMethods.IsGet(httpContext.Request.Method) && EntityTagHeaderValue.TryParseList(httpContext.Request.Headers.IfNoneMatch, out var known)
            && known.Any(k => k.Equals(EntityTagHeaderValue.Any) || k.Compare(tag, useStrongComparison: false)))
        {
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        return result.ExecuteAsync(httpContext);
    }
}
