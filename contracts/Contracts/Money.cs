using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Contracts;

/// <summary>An exact amount in one currency: <c>{"amount": "19.99", "currency": "EUR"}</c>.</summary>
/// <param name="Amount">A decimal number, as a string on the wire; never negative.</param>
/// <param name="Currency">ISO 4217 code.</param>
public sealed record Money([property: JsonConverter(typeof(DecimalStringConverter))] decimal Amount, [RegularExpression("^[A-Z]{3}$")] string Currency);

/// <summary>Decimal numbers as JSON strings, so that no reader turns them into binary floating point.</summary>
public sealed class DecimalStringConverter : JsonConverter<decimal>
{
    public override decimal Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String
        && decimal.TryParse(reader.GetString(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new JsonException("A decimal number is expected as a string, for example \"19.99\".");

    public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
}
