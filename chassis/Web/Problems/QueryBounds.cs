using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Chassis.Web;

/// <summary>
/// What stands in a query is held to the attributes that the handler's parameters carry, before the handler is asked: /openapi/v1.json shows the same.
/// </summary>
internal static class QueryBounds
{
    private static readonly ConcurrentDictionary<MethodInfo, (string Name, ValidationAttribute[] Rules)[]> Known = new();

    public static Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.QueryString.HasValue && context.GetEndpoint()?.Metadata.GetMetadata<MethodInfo>() is { } handler)
        {
            var check = new Validator();
            foreach (var (name, rules) in Known.GetOrAdd(handler, RulesOf))
            {
                Check(check, name, context.Request.Query[name], rules);
            }

            check.ThrowIfInvalid();
        }

        return next(context);
    }

    private static void Check(Validator check, string name, StringValues values, ValidationAttribute[] rules)
    {
        foreach (var rule in values.Where(v => !string.IsNullOrEmpty(v)).SelectMany(v => rules.Where(r => !IsValid(r, v))))
        {
            check.Add(name, RequestBounds.Message(rule, isText: true));
        }
    }

    // A range says of what is no number that it is not in it, and of a number that its type cannot hold, nothing.
    private static bool IsValid(ValidationAttribute rule, string? value)
    {
        try
        {
            return rule.IsValid(value);
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    private static (string Name, ValidationAttribute[] Rules)[] RulesOf(MethodInfo handler) =>
    [
        .. handler.GetParameters()
            .SelectMany(p => p.GetCustomAttribute<AsParametersAttribute>() is null
                ? [(Name: p.Name!, Rules: p.GetCustomAttributes<ValidationAttribute>())]
                : p.ParameterType.GetProperties().Select(m => (m.Name, Rules: m.GetCustomAttributes<ValidationAttribute>())))
            .Select(p => (RequestBounds.NameOf(p.Name), p.Rules.ToArray()))
            .Where(p => p.Item2.Length > 0),
    ];
}
