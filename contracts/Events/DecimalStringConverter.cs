using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Contracts.Events;

/// <summary>Decimal numbers as JSON strings, so that no reader turns them into binary floating point.</summary>
public sealed partial class DecimalStringConverter : JsonConverter<decimal>
{
    public override decimal Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && TryParse(reader.GetString(), out var value)
            ? value
            : throw new JsonException("A decimal number is expected as a string, for example \"19.99\".");

    /// <summary>Reads the one form that an amount has: no plus, no zeros before it, digits on both sides of the point.</summary>
    /// <param name="text">For example <c>19.99</c>.</param>
    /// <param name="value">The number.</param>
    /// <returns>Whether the text is in that form and within what a decimal can hold.</returns>
    public static bool TryParse(string? text, out decimal value)
    {
        value = 0;
        return text is not null
            && Form().IsMatch(text)
            && decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
    }

    public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));

    [GeneratedRegex(@"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\z")]
    private static partial Regex Form();
}
