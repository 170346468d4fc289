using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Chassis.EventSourcing;

/// <summary>Events to JSON and back: stored names, upcasting, and personal data sealed under the person's key.</summary>
public sealed class EventSerializer(EventTypeMap map, PersonalDataKeys keys)
{
    private const string Sealed = "$sealed";
    private const int NonceSize = 12;
    private const int TagSize = 16;

    /// <summary>camelCase, enums by name, decimals as strings so that no reader turns them into binary floating point.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    internal static JsonSerializerOptions MetadataOptions { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public EventTypeMap Map => map;

    internal PersonalDataKeys Keys => keys;

    /// <param name="data">The event.</param>
    /// <param name="type">Its entry in the map.</param>
    /// <param name="eventId">Bound into the seal, so that a sealed value cannot be moved to another event.</param>
    /// <param name="key">The person's key; null leaves personal data out.</param>
    internal static string Write(object data, EventType type, Guid eventId, byte[]? key)
    {
        if (type.PersonalProperties.Count == 0)
        {
            return JsonSerializer.Serialize(data, type.ClrType, Options);
        }

        var payload = JsonSerializer.SerializeToNode(data, type.ClrType, Options)!.AsObject();
        foreach (var property in type.PersonalProperties)
        {
            if (payload[property] is { } value)
            {
                payload[property] = key is null ? null : new JsonObject { [Sealed] = Seal(value.ToJsonString(Options), eventId, key) };
            }
        }

        return payload.ToJsonString(Options);
    }

    internal object Read(string name, int version, Guid eventId, string json, byte[]? key)
    {
        var type = map.Of(name);
        if (version > type.Version)
        {
            throw new InvalidOperationException($"The store holds version {version} of '{name}', and this service knows up to {type.Version}.");
        }

        if (!type.MustUpcast(version) && type.PersonalProperties.Count == 0)
        {
            return JsonSerializer.Deserialize(json, type.ClrType, Options)!;
        }

        var payload = JsonNode.Parse(json)!.AsObject();
        foreach (var (property, value) in payload.ToList())
        {
            if (value is JsonObject { Count: 1 } wrapper && wrapper[Sealed] is { } text)
            {
                payload[property] = key is null ? null : JsonNode.Parse(Unseal(text.GetValue<string>(), eventId, key));
            }
        }

        return type.Upcasted(payload, version).Deserialize(type.ClrType, Options)!;
    }

    private static string Seal(string plain, Guid eventId, byte[] key)
    {
        var data = Encoding.UTF8.GetBytes(plain);
        var box = new byte[NonceSize + TagSize + data.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceSize));
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(box.AsSpan(0, NonceSize), data, box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), eventId.ToByteArray());
        return Convert.ToBase64String(box);
    }

    private static string Unseal(string text, Guid eventId, byte[] key)
    {
        var box = Convert.FromBase64String(text);
        var data = new byte[box.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(box.AsSpan(0, NonceSize), box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), data, eventId.ToByteArray());
        return Encoding.UTF8.GetString(data);
    }

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.Strict,
            Converters = { new DecimalConverter(), new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class DecimalConverter : JsonConverter<decimal>
    {
        public override decimal Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            decimal.Parse(reader.GetString()!, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);

        public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }
}
