using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chassis.Web;

/// <summary>
/// Times as UTC with <c>Z</c>, whatever offset they came with, to the microsecond: what the database keeps, so that a time reads the same for ever.
/// </summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset() is var time && Years.Hold(time) ? time.ToUniversalTime() : throw new JsonException($"A time {Years.Rule}");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture));
}
