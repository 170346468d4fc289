using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Contracts.Events;

/// <summary>What a value may be on the wire. The set is small on purpose: it is what every language reads without loss.</summary>
public enum ShapeKind
{
    Record,
    List,
    Text,
    Uuid,
    Time,
    Amount,
    Number,
    Flag,
    Choice,
}

/// <summary>A member of an object.</summary>
/// <param name="Name">Name on the wire.</param>
/// <param name="Shape">What it holds.</param>
/// <param name="Required">Whether it must be there. An optional member without a value is left out; null is never written.</param>
/// <param name="ClrName">Name of the record's property.</param>
public sealed record ContractProperty(string Name, ContractShape Shape, bool Required, string ClrName)
{
    internal byte[] Utf8Name { get; } = Encoding.UTF8.GetBytes(Name);
}

/// <summary>
/// What a record looks like as JSON, read once from its constructor: names, kinds, and the ranges that its attributes set.
/// The inbound check is made from it; that the JSON Schema says the same is tested with good and bad messages of every event.
/// </summary>
public sealed class ContractShape
{
    /// <summary>How <see cref="DecimalStringConverter"/> writes amounts, which are never negative: a credit has its own member.</summary>
    public const string DecimalPattern = @"^[0-9]+(\.[0-9]+)?$";

    private readonly Regex? _pattern;

    public required ShapeKind Kind { get; init; }

    public required Type ClrType { get; init; }

    public IReadOnlyList<ContractProperty> Properties { get; init; } = [];

    /// <summary>The elements of an array.</summary>
    public ContractShape? Items { get; init; }

    public int? MinLength { get; init; }

    public int? MinItems { get; init; }

    public int? Minimum { get; init; }

    public int? Maximum { get; init; }

    /// <summary>A regular expression in the dialect that every language shares; it is anchored at both ends.</summary>
    public string? Pattern
    {
        get;
        init
        {
            field = value;
            // Here $ would let a line end pass, in JSON Schema it does not.
            _pattern = value is null ? null : new Regex(value.TrimEnd('$') + @"\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
    }

    /// <summary>The values of an enum, as written.</summary>
    public IReadOnlyList<string> Values { get; init; } = [];

    /// <summary>Reads the shape of a record.</summary>
    /// <exception cref="NotSupportedException">A member has a type that has no plain form on the wire.</exception>
    public static ContractShape Of(Type record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var nullability = new NullabilityInfoContext();
        var parameters = record.GetConstructors().OrderByDescending(c => c.GetParameters().Length).First().GetParameters();
        return new ContractShape
        {
            Kind = ShapeKind.Record,
            ClrType = record,
            Properties = [.. parameters.Select(p => Property(record, p, nullability))],
        };
    }

    private static ContractProperty Property(Type record, ParameterInfo parameter, NullabilityInfoContext nullability)
    {
        var optional = nullability.Create(parameter).WriteState == NullabilityState.Nullable;
        if (optional != parameter.HasDefaultValue)
        {
            throw new NotSupportedException(
                $"{record.FullName}.{parameter.Name}: an optional member is nullable and has the default null; a required one is neither.");
        }

        return new ContractProperty(JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!), ShapeOf(record, parameter), !optional, parameter.Name!);
    }

    private static ContractShape ShapeOf(Type record, ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        var range = parameter.GetCustomAttribute<RangeAttribute>();
        var minLength = parameter.GetCustomAttribute<MinLengthAttribute>()?.Length;
        var pattern = parameter.GetCustomAttribute<RegularExpressionAttribute>()?.Pattern;

        if (type == typeof(string))
        {
            return new ContractShape { Kind = ShapeKind.Text, ClrType = type, MinLength = minLength, Pattern = pattern };
        }

        if (type == typeof(Guid))
        {
            return new ContractShape { Kind = ShapeKind.Uuid, ClrType = type };
        }

        if (type == typeof(DateTimeOffset))
        {
            return new ContractShape { Kind = ShapeKind.Time, ClrType = type };
        }

        if (type == typeof(bool))
        {
            return new ContractShape { Kind = ShapeKind.Flag, ClrType = type };
        }

        if (type == typeof(int))
        {
            return new ContractShape
            {
                Kind = ShapeKind.Number, ClrType = type, Minimum = (int?)range?.Minimum, Maximum = (int?)range?.Maximum ?? int.MaxValue,
            };
        }

        if (type == typeof(decimal)
            && record.GetProperty(parameter.Name!)?.GetCustomAttribute<JsonConverterAttribute>()?.ConverterType == typeof(DecimalStringConverter))
        {
            return new ContractShape { Kind = ShapeKind.Amount, ClrType = type, Pattern = DecimalPattern };
        }

        if (type.IsEnum)
        {
            return new ContractShape
            {
                Kind = ShapeKind.Choice, ClrType = type, Values = [.. Enum.GetNames(type).Select(JsonNamingPolicy.KebabCaseLower.ConvertName)],
            };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            return new ContractShape { Kind = ShapeKind.List, ClrType = type, Items = Of(type.GetGenericArguments()[0]), MinItems = minLength };
        }

        return type.Assembly == record.Assembly
            ? Of(type)
            : throw new NotSupportedException($"{record.FullName}.{parameter.Name}: {type} has no plain form on the wire; use string, Guid, DateTimeOffset, int, bool, an enum, a record, IReadOnlyList of a record, or decimal as a string.");
    }

    internal bool Matches(string text) => _pattern?.IsMatch(text) != false;
}
