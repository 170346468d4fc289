using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Chassis.Web;

/// <summary>
/// What every request passes before anybody reads it: a body in an encoding that is read here, and a query without characters that no field takes and without
/// times that nobody means. What is left of the query is in Unicode's normal form C, as the texts of bodies are (<see cref="TextConverter"/>).
/// </summary>
internal static class RequestDoor
{
    public static Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        CheckContentEncoding(context);
        CheckCharset(context.Request);
        if (context.Request.QueryString.HasValue)
        {
            CheckQuery(context.Request);
        }

        return next(context);
    }

    /// <summary>
    /// A form is one. It is asked before the token server, which reads it while it finds out who calls; whoever reads it later gets what was read here.
    /// </summary>
    public static async Task CheckFormAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.HasFormContentType)
        {
            try
            {
                await context.Request.ReadFormAsync(context.RequestAborted);
            }
            catch (InvalidDataException)
            {
                throw ProblemMapping.Unreadable();
            }
        }

        await next(context);
    }

    private static void CheckContentEncoding(HttpContext context)
    {
        if (context.Request.Headers.ContentEncoding.SelectMany(e => (e ?? "").Split(',')).Any(
            e => !e.Trim().Equals("identity", StringComparison.OrdinalIgnoreCase)))
        {
            context.Response.Headers.AcceptEncoding = "identity";
            throw new ProblemException(
                StatusCodes.Status415UnsupportedMediaType,
                "unsupported_content_encoding",
                "The request body must come as it is: Content-Encoding identity, or none.");
        }
    }

    /// <summary>The framework takes a charset by its name alone, and fails at one in quotes, which is as legal, and at one that it does not know.</summary>
    private static void CheckCharset(HttpRequest request)
    {
        if (request.ContentType is null || !MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.Charset.HasValue)
        {
            return;
        }

        if (!HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(StatusCodes.Status415UnsupportedMediaType, "unsupported_charset", "The request body must be UTF-8.");
        }

        type.Charset = "utf-8";
        request.ContentType = type.ToString();
    }

    /// <exception cref="ProblemException">400 by the name of the parameter.</exception>
    private static void CheckQuery(HttpRequest request)
    {
        var check = new Validator();
        foreach (var (name, _) in request.Query.Where(q => q.Key.Any(char.IsControl) || q.Value.Any(v => v?.Any(char.IsControl) == true)))
        {
            check.Add(name.Any(char.IsControl) ? "query" : name, "must not contain control characters.");
        }

        foreach (var (name, _) in request.Query.Where(q => q.Value.Any(Years.AreLeftBy)))
        {
            check.Add(name, Years.Rule);
        }

        check.ThrowIfInvalid();
        if (request.Query.Any(q => q.Value.Any(v => v?.IsNormalized() == false)))
        {
            request.Query = new QueryCollection(request.Query.ToDictionary(
                q => q.Key,
                q => new Microsoft.Extensions.Primitives.StringValues([.. q.Value.Select(v => v?.Normalize(NormalizationForm.FormC))]),
                StringComparer.OrdinalIgnoreCase));
        }
    }
}
