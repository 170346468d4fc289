using System.Text;
using System.Text.Json;

namespace Contracts.Events;

/// <summary>The check of a message against its contract, before any handler sees it.</summary>
/// <remarks>It allows what the JSON Schema of the event allows, including members that are not known here: a later minor version may have sent them.</remarks>
public static class ContractValidator
{
    /// <summary>The first reason for which a body is not what the event's contract says, or null when it is.</summary>
    /// <param name="descriptor">The event that the message claims to be.</param>
    /// <param name="body">The body as received: UTF-8 JSON.</param>
    /// <returns>For example <c>/items/0/quantity must be at least 1</c>. It never repeats a value of the message: those may be personal.</returns>
    public static string? Validate(BoundaryEventDescriptor descriptor, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return Validate(descriptor.Shape, body);
    }

    /// <summary>The same for a record of which only the shape is known, such as a command.</summary>
    public static string? Validate(ContractShape shape, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var reader = new Utf8JsonReader(body);
        try
        {
            reader.Read();
            var failure = Check(ref reader, shape);
            if (failure is not null)
            {
                return failure.ToString();
            }

            // Trailing bytes throw here.
            reader.Read();
            return null;
        }
        catch (JsonException e)
        {
            return $"the body is not JSON (byte {e.BytePositionInLine} of line {e.LineNumber})";
        }
        catch (InvalidOperationException)
        {
            return $"the body is not UTF-8 (before byte {reader.BytesConsumed})";
        }
    }

    private static Failure? Check(ref Utf8JsonReader reader, ContractShape shape) => shape.Kind switch
    {
        ShapeKind.Record => CheckObject(ref reader, shape),
        ShapeKind.List => CheckArray(ref reader, shape),
        ShapeKind.Number => CheckInteger(ref reader, shape),
        ShapeKind.Flag => reader.TokenType is JsonTokenType.True or JsonTokenType.False ? null : new Failure("must be true or false"),
        _ => reader.TokenType == JsonTokenType.String ? CheckString(ref reader, shape) : new Failure("must be a string"),
    };

    private static Failure? CheckObject(ref Utf8JsonReader reader, ContractShape shape)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return new Failure("must be an object");
        }

        var seen = 0UL;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var index = Find(ref reader, shape);
            reader.Read();
            if (index < 0)
            {
                reader.Skip();
                continue;
            }

            var property = shape.Properties[index];
            if ((seen & (1UL << index)) != 0)
            {
                return new Failure("must not appear twice").Under(property.Name);
            }

            seen |= 1UL << index;
            if (Check(ref reader, property.Shape) is { } failure)
            {
                return failure.Under(property.Name);
            }
        }

        for (var i = 0; i < shape.Properties.Count; i++)
        {
            if (shape.Properties[i].Required && (seen & (1UL << i)) == 0)
            {
                return new Failure("is required").Under(shape.Properties[i].Name);
            }
        }

        return null;
    }

    private static int Find(ref Utf8JsonReader reader, ContractShape shape)
    {
        for (var i = 0; i < shape.Properties.Count; i++)
        {
            if (reader.ValueTextEquals(shape.Properties[i].Utf8Name))
            {
                return i;
            }
        }

        return -1;
    }

    private static Failure? CheckArray(ref Utf8JsonReader reader, ContractShape shape)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return new Failure("must be an array");
        }

        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (Check(ref reader, shape.Items!) is { } failure)
            {
                return failure.Under(count.ToString(System.Globalization.CultureInfo.InvariantCulture));
            }

            count++;
        }

        return count >= (shape.MinItems ?? 0) ? null : new Failure(shape.MinItems == 1 ? "must not be empty" : $"must have at least {shape.MinItems} elements");
    }

    private static Failure? CheckInteger(ref Utf8JsonReader reader, ContractShape shape)
    {
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var value))
        {
            return new Failure("must be a whole number of at most 32 bits");
        }

        return value < shape.Minimum ? new Failure($"must be at least {shape.Minimum}")
            : value > shape.Maximum ? new Failure($"must be at most {shape.Maximum}")
            : null;
    }

    private static Failure? CheckString(ref Utf8JsonReader reader, ContractShape shape)
    {
        switch (shape.Kind)
        {
            case ShapeKind.Uuid:
                return reader.TryGetGuid(out _) ? null : new Failure("must be a UUID");
            case ShapeKind.Time:
                return reader.TryGetDateTimeOffset(out _) && IsComplete(ref reader) ? null : new Failure("must be an RFC 3339 time with its offset");
        }

        if (shape is { MinLength: null, Pattern: null, Kind: not ShapeKind.Choice })
        {
            return null;
        }

        var text = reader.GetString()!;
        return shape.Kind == ShapeKind.Choice && !shape.Values.Contains(text) ? new Failure($"must be one of {string.Join(", ", shape.Values)}")
            : !shape.Matches(text) ? new Failure($"must match {shape.Pattern}")
            : shape.MinLength is { } min && CodePoints(text, min) < min ? new Failure(min == 1 ? "must not be empty" : $"must have at least {min} characters")
            : null;
    }

    /// <summary>JSON Schema counts code points, .NET counts UTF-16 units; the difference shows only near the limit.</summary>
    private static int CodePoints(string text, int enough) => text.Length >= enough * 2 ? enough : text.EnumerateRunes().Count();

    // The reader takes a local time for granted where the offset is missing, and zero where the seconds are; a contract must not.
    private static bool IsComplete(ref Utf8JsonReader reader)
    {
        // Some writers escape the plus sign.
        var time = reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan;
        return time.Length >= 20 && time[16] == (byte)':' && (time[^1] == (byte)'Z' || (time[^6] is (byte)'+' or (byte)'-' && time[^3] == (byte)':'));
    }

    private sealed record Failure(string Rule)
    {
        private readonly StringBuilder _path = new();

        public Failure Under(string name)
        {
            _path.Insert(0, '/' + name);
            return this;
        }

        public override string ToString() => _path.Length == 0 ? $"the body {Rule}" : $"{_path} {Rule}";
    }
}
