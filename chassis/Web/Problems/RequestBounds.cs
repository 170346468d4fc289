using System.Collections;
using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;

namespace Chassis.Web;

/// <summary>A <see cref="LineOfText"/>, not blank where it is required.</summary>
/// <param name="max">Characters at most.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class TextAttribute(int max) : StringLengthAttribute(max);

/// <summary>Each of a list of texts.</summary>
/// <param name="max">Characters at most.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class EachAttribute(int max) : ValidationAttribute
{
    /// <summary>Characters at most.</summary>
    public int MaximumLength => max;

    public override bool IsValid(object? value) => value is not IEnumerable<string?> texts || texts.All(t => t is null || t.Length <= max);
}

/// <summary>One property of a request: its bounds, and those of what it holds.</summary>
internal sealed class RequestBounds
{
    private static readonly ConcurrentDictionary<Type, RequestBounds[]> Known = new();

    private readonly PropertyInfo _property;
    private readonly ValidationAttribute[] _rules;
    private readonly bool _isRequired;
    private readonly string _name;

    private RequestBounds(PropertyInfo property)
    {
        this._property = property;
        _rules = [.. property.GetCustomAttributes<ValidationAttribute>(), .. ParameterOf(property)?.GetCustomAttributes<ValidationAttribute>() ?? []];
        _isRequired = new NullabilityInfoContext().Create(property).ReadState == NullabilityState.NotNull && !property.PropertyType.IsValueType;
        _name = NameOf(property.Name);
    }

    public static RequestBounds[] Of(Type type) =>
        Known.GetOrAdd(type, t => [.. t.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => new RequestBounds(p))]);

    public void Check(Validator check, string prefix, object request)
    {
        var (field, value) = (prefix + _name, _property.GetValue(request));
        if (value is null || (value is string text && string.IsNullOrWhiteSpace(text) && _isRequired && Array.Exists(_rules, r => r is TextAttribute)))
        {
            check.Check(!_isRequired, field, "is required.");
            return;
        }

        foreach (var rule in _rules.Where(r => !r.IsValid(value)))
        {
            check.Add(field, Message(rule, value is string));
        }

        switch (value)
        {
            case string line when Array.Exists(_rules, r => r is TextAttribute) && LineOfText.ProblemOf(line) is { } problem:
                check.Add(field, problem);
                break;
            case IEnumerable elements when value is not string:
                CheckElements(check, field, elements);
                break;
            default:
                CheckInside(check, field, value);
                break;
        }
    }

    /// <summary>Contracts have their rules on the parameters of their records.</summary>
    private static ParameterInfo? ParameterOf(PropertyInfo property) =>
        property.DeclaringType!
            .GetConstructors()
            .SelectMany(c => c.GetParameters())
            .FirstOrDefault(p => p.Name == property.Name && p.ParameterType == property.PropertyType);

    private static void CheckElements(Validator check, string field, IEnumerable elements)
    {
        var index = 0;
        foreach (var element in elements)
        {
            var at = $"{field}[{index++}]";
            if (element is null)
            {
                check.Add(at, "is required.");
                continue;
            }

            CheckInside(check, at, element);
        }
    }

    /// <summary>Only records of requests hold bounds; what they are made of has no attributes to look for.</summary>
    private static void CheckInside(Validator check, string field, object value)
    {
        if (!value.GetType().IsValueType && value is not (string or JsonElement))
        {
            check.Bounds(value, field + ".");
        }
    }

    /// <summary>As callers write the name of a member.</summary>
    public static string NameOf(string member) => JsonNamingPolicy.CamelCase.ConvertName(member);

    public static string Message(ValidationAttribute rule, bool isText) => rule switch
    {
        { ErrorMessage: { } message } => message,
        EachAttribute each => $"must have at most {each.MaximumLength} characters each.",
        MaxLengthAttribute longest => $"must have at most {longest.Length} {(isText ? "characters" : "elements")}.",
        StringLengthAttribute length => $"must have at most {length.MaximumLength} characters.",
        RangeAttribute range => $"must be between {range.Minimum} and {range.Maximum}.",
        LengthAttribute count => $"must have between {count.MinimumLength} and {count.MaximumLength} elements.",
        RegularExpressionAttribute shape => $"must match {shape.Pattern}.",
        MinLengthAttribute least => $"must have at least {least.Length} {(isText ? "characters" : "elements")}.",
        _ => rule.FormatErrorMessage("The value"),
    };
}

/// <summary>Bounds as one check among others.</summary>
public static class RequestBoundsExtensions
{
    /// <summary>
    /// The bounds that a request has as attributes on its properties, those of what it holds too. They stand there once: /openapi/v1.json shows the same.
    /// </summary>
    /// <param name="validator">Hears of what is wrong.</param>
    /// <param name="request">As it came.</param>
    /// <param name="prefix">Where it is in what the caller sent, with the dot.</param>
    public static Validator Bounds(this Validator validator, object request, string prefix = "")
    {
        foreach (var property in RequestBounds.Of(request.GetType()))
        {
            property.Check(validator, prefix, request);
        }

        return validator;
    }
}
