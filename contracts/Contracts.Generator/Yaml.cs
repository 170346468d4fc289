using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Contracts.Generator;

/// <summary>JSON as block-style YAML. Texts are quoted as in JSON, which YAML reads the same way.</summary>
public static partial class Yaml
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(JsonObject document)
    {
        var text = new StringBuilder();
        Members(text, document, 0);
        return text.ToString();
    }

    private static void Members(StringBuilder text, JsonObject node, int indent)
    {
        var first = true;
        foreach (var (name, value) in node)
        {
            text.Append(' ', first ? 0 : indent).Append(PlainKey().IsMatch(name) ? name : Scalar(JsonValue.Create(name))).Append(':');
            first = false;
            Value(text, value, indent);
        }
    }

    private static void Value(StringBuilder text, JsonNode? node, int indent)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } members:
                text.Append('\n').Append(' ', indent + 2);
                Members(text, members, indent + 2);
                break;
            case JsonArray { Count: > 0 } elements:
                text.Append('\n');
                foreach (var element in elements)
                {
                    text.Append(' ', indent + 2).Append('-');
                    if (element is JsonObject { Count: > 0 } record)
                    {
                        text.Append(' ');
                        Members(text, record, indent + 4);
                    }
                    else
                    {
                        Value(text, element, indent + 2);
                    }
                }

                break;
            default:
                text.Append(' ').Append(Scalar(node)).Append('\n');
                break;
        }
    }

    private static string Scalar(JsonNode? node) => node is null ? "null" : node.ToJsonString(Readable);

    [GeneratedRegex("^[A-Za-z$_][A-Za-z0-9$_.-]*$")]
    private static partial Regex PlainKey();
}
