using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Chassis.Web;

/// <summary>The version that the caller believes to be current, from <c>If-Match</c>.</summary>
/// <param name="Value">The version; null when the caller did not say, or said <c>*</c>.</param>
public readonly record struct ExpectedVersion(long? Value)
{
    /// <summary>Any version will do.</summary>
    public static readonly ExpectedVersion Any;

    /// <summary>Minimal APIs call this for a parameter of this type.</summary>
    public static ValueTask<ExpectedVersion> BindAsync(HttpContext context)
    {
        var header = context.Request.Headers.IfMatch.ToString();
        if (header.Length == 0 || header == "*")
        {
            return ValueTask.FromResult(Any);
        }

        // A weak tag, a list or a foreign tag never equals one of our versions, so the write will answer 412.
        var version = EntityTagHeaderValue.TryParse(header, out var tag) && !tag.IsWeak
            && long.TryParse(tag.Tag.AsSpan().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
                ? parsed
                : -1;
        return ValueTask.FromResult(new ExpectedVersion(version));
    }

    /// <exception cref="ProblemException">412 when the caller expected another version.</exception>
    public void Check(long actual)
    {
        if (Value is { } expected && expected != actual)
        {
            throw ProblemException.PreconditionFailed();
        }
    }
}

public static class VersionResults
{
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
        var tag = string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");
        httpContext.Response.Headers.ETag = tag;
        if (HttpMethods.IsGet(httpContext.Request.Method) && httpContext.Request.Headers.IfNoneMatch.Contains(tag))
        {
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        return result.ExecuteAsync(httpContext);
    }
}
