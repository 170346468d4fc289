using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chassis.Messaging.Model;

/// <summary>Headers in the database: an object of strings.</summary>
internal static class HeaderJson
{
    public static string Write(IReadOnlyDictionary<string, string> headers) =>
        headers.Count == 0 ? "{}" : JsonSerializer.Serialize(headers, HeaderJsonContext.Default.IReadOnlyDictionaryStringString);

    public static Dictionary<string, string> Read(string json) =>
        json == "{}" ? [] : JsonSerializer.Deserialize(json, HeaderJsonContext.Default.DictionaryStringString)!;
}

[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class HeaderJsonContext : JsonSerializerContext;
