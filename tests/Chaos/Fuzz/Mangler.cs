using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop.Chaos.Fuzz;

/// <summary>Makes of JSON that is right JSON that is nearly right, wrong, or none.</summary>
public sealed class Mangler(Random random)
{
    private const string Placeholder = "@@raw";

    /// <summary>As they stand in the text: what is odd about some of them, a JSON library would not write.</summary>
    private static readonly string[] RawValues =
    [
        "null", "true", "0", "-1", "1", "0.1", "1e400", "-1e400", "1e-400", "9223372036854775808", "2147483648", "123456789012345678901234567890", "-0", "NaN", "\"\"", "\" \"", "\"x\"",
        "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u202Eevil\"", "\"\\u200B\"", "\"e\\u0301\"", "\"\\uFB01\"", "\"line\\nbreak\"", "\"\\uFFFF\"", "\"\\ud83d\\ude00\"",
        "\"'; DROP TABLE orders; --\"", "\"%s%n{0}${jndi:ldap://x}\"", "\"<script>alert(1)</script>\"", "\"../../etc/passwd\"", "\"0badc0de-0000-0000-0000-000000000000\"",
        "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59.9999999Z\"", "\"2026-02-30T00:00:00Z\"", "\"2026-13-01\"", "\"10000-01-01T00:00:00Z\"", "\"1e3\"", "\"-1.00\"", "\"0.001\"",
        "\"99999999999999999999999999999\"", "\"79228162514264337593543950335\"", "\"NaN\"", "\"EUR\"", "\"XXX\"", "\"de\"", "[]", "{}", "[null]", "[[]]", "[1,\"a\",{}]", "{\"a\":{\"b\":{}}}",
        "\"a@b\"", "\"a@\\u00e4.example\"", "\"http://[::1]:99999/\"", "\"javascript:alert(1)\"", "\"file:///etc/passwd\"",
    ];

    /// <summary>A value that no schema expects everywhere, as text of JSON.</summary>
    public string Raw() => random.Next(40) switch
    {
        0 => $"\"{new string('x', random.Next(200, 5_000))}\"",
        1 => $"\"{string.Concat(Enumerable.Repeat("é", random.Next(100, 400)))}\"",
        2 => string.Concat(Enumerable.Repeat("[", 70)) + string.Concat(Enumerable.Repeat("]", 70)),
        3 => random.NextInt64(long.MinValue, long.MaxValue).ToString(CultureInfo.InvariantCulture),
        _ => RawValues[random.Next(RawValues.Length)],
    };

    /// <summary>A text for where JSON is not: a query, a header, a part of a path.</summary>
    public string Text()
    {
        var raw = Raw();
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(raw).ToString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return raw;
        }
    }

    /// <summary>The text with none, one or more things changed.</summary>
    /// <param name="good">What is right; it stays as it is.</param>
    /// <param name="changes">How many places are changed.</param>
    public byte[] Mangle(JsonNode? good, int changes)
    {
        var raw = new List<string>();
        var node = good?.DeepClone();
        for (var i = 0; i < changes; i++)
        {
            node = Change(node, raw);
        }

        var text = node?.ToJsonString() ?? "null";
        for (var i = raw.Count - 1; i >= 0; i--)
        {
            text = text.Replace($"\"{Placeholder}{i}@@\"", raw[i], StringComparison.Ordinal);
        }

        return changes > 0 && random.Next(12) == 0 ? Break(Encoding.UTF8.GetBytes(text)) : Encoding.UTF8.GetBytes(text);
    }

    /// <summary>Bytes that are no JSON any more, and perhaps no UTF-8.</summary>
    public byte[] Break(byte[] text)
    {
        switch (random.Next(6))
        {
            case 0:
                return text[..random.Next(text.Length + 1)];
            case 1 when text.Length > 0:
                var flipped = (byte[])text.Clone();
                flipped[random.Next(text.Length)] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 2:
                return [0xEF, 0xBB, 0xBF, .. text];
            case 3:
                return [.. text, .. "}{"u8];
            case 4:
                return Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(text));
            default:
                return [0xFF, 0xFE, 0x00, .. text];
        }
    }

    private JsonNode? Change(JsonNode? node, List<string> raw)
    {
        var places = Places(node).ToList();
        if (places.Count == 0 || random.Next(20) == 0)
        {
            return Placed(raw);
        }

        var (parent, key) = places[random.Next(places.Count)];
        switch (parent)
        {
            case JsonObject members when random.Next(5) == 0:
                members.Remove((string)key);
                break;
            case JsonObject members when random.Next(12) == 0:
                members[$"more{random.Next(100)}"] = Placed(raw);
                break;
            case JsonObject members:
                members[(string)key] = Placed(raw);
                break;
            case JsonArray elements when random.Next(4) == 0:
                var one = elements[0];
                for (var i = random.Next(1, 150); i > 0; i--)
                {
                    elements.Add(one?.DeepClone());
                }

                break;
            case JsonArray elements:
                elements[(int)key] = Placed(raw);
                break;
        }

        return node;
    }

    private JsonValue Placed(List<string> raw)
    {
        raw.Add(Raw());
        return JsonValue.Create($"{Placeholder}{raw.Count - 1}@@");
    }

    private static IEnumerable<(JsonNode Parent, object Key)> Places(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(m => Places(m.Value).Prepend((members, m.Key))),
        JsonArray elements => elements.SelectMany((e, i) => Places(e).Prepend((elements, (object)i))),
        _ => [],
    };
}
