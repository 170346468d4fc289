using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chassis.Testing;

/// <summary>
/// Every input that /openapi/v1.json describes: whether it has bounds there, and whether a request beyond them is refused with the field's name. Bodies come
/// from the authorization matrix, so that a route cannot be left out.
/// </summary>
public sealed class BoundsWalk(JsonNode document)
{
    /// <summary>One way to go too far.</summary>
    /// <param name="Operation">Method and route.</param>
    /// <param name="Field">As the answer has to call it.</param>
    /// <param name="Body">The whole body, wrong in this one place.</param>
    /// <param name="Query">The query, wrong in this one place.</param>
    public sealed record Breach(string Operation, string Field, JsonNode? Body, string Query = "");

    public List<string> Unbounded { get; } = [];

    /// <summary>Every breach of an operation, starting from a body that is right.</summary>
    public IEnumerable<Breach> BreachesOf(string operation, JsonNode? body)
    {
        var (method, path) = (operation.Split(' ')[0].ToLowerInvariant(), operation.Split(' ')[1]);
        if (document["paths"]?[path]?[method] is not { } description)
        {
            yield break;
        }

        foreach (var parameter in description["parameters"]?.AsArray().Where(p => (string?)p!["in"] == "query") ?? [])
        {
            var name = (string)parameter!["name"]!;
            foreach (var wrong in BeyondScalar($"{operation} ?{name}", Resolve(parameter["schema"]!)))
            {
                yield return new Breach(operation, name, body?.DeepClone(), $"?{name}={Uri.EscapeDataString(wrong.ToString())}");
            }
        }

        if (description["requestBody"]?["content"]?["application/json"]?["schema"] is { } schema)
        {
            foreach (var (field, wrong) in Beyond(operation, "", Resolve(schema), body ?? new JsonObject()))
            {
                yield return new Breach(operation, field, wrong);
            }
        }
    }

    /// <summary>Whether a problem document names the field, or what it is in.</summary>
    public static bool Names(string problem, string field)
    {
        try
        {
            return JsonNode.Parse(
                problem)?["errors"]?.AsObject().Any(
                    e => e.Key.StartsWith(field, StringComparison.Ordinal) || field.StartsWith(e.Key + ".", StringComparison.Ordinal)) == true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private IEnumerable<(string Field, JsonNode Whole)> Beyond(string operation, string at, JsonNode schema, JsonNode right)
    {
        foreach (var (name, described) in schema["properties"]?.AsObject().ToArray() ?? [])
        {
            var (field, inner) = (at.Length == 0 ? name : $"{at}.{name}", Resolve(described!));
            foreach (var wrong in BeyondScalar($"{operation} {field}", inner))
            {
                yield return (field, With(right, name, wrong));
            }

            if (inner["items"] is { } items)
            {
                foreach (var breach in BeyondList(operation, field, inner, Resolve(items), right, name))
                {
                    yield return breach;
                }
            }
            else if (inner["properties"] is not null)
            {
                var known = right[name] as JsonObject ?? [];
                foreach (var (deeper, wrong) in Beyond(operation, field, inner, known))
                {
                    yield return (deeper, With(right, name, wrong));
                }
            }
        }
    }

    private IEnumerable<(string Field, JsonNode Whole)> BeyondList(string operation, string field, JsonNode list, JsonNode items, JsonNode right, string name)
    {
        var element = (right[name] as JsonArray)?.FirstOrDefault();
        if ((int?)list["maxItems"] is not { } most)
        {
            Unbounded.Add($"{operation} {field}: a list without maxItems");
        }
        else if (element is not null)
        {
            yield return (field, With(right, name, new JsonArray([.. Enumerable.Range(0, most + 1).Select(_ => element.DeepClone())])));
        }

        foreach (var wrong in BeyondScalar($"{operation} {field}[]", items))
        {
            yield return (field, With(right, name, new JsonArray(wrong)));
        }

        foreach (var (deeper, wrong) in items["properties"] is null ? [] : Beyond(operation, $"{field}[0]", items, element ?? new JsonObject()))
        {
            yield return (deeper, With(right, name, new JsonArray(wrong)));
        }
    }

    /// <summary>Values beyond what one text or number may be; none for what has its bounds in its type.</summary>
    private IEnumerable<JsonNode> BeyondScalar(string place, JsonNode schema)
    {
        var types = schema["type"] switch { JsonArray several => [.. several.Select(t => (string)t!)], { } one => new[] { (string)one! }, null => [] };
        if (types.Length == 0)
        {
            Unbounded.Add($"{place}: without a type");
        }
        else if (schema["enum"] is not null)
        {
            yield return "none-of-these";
        }
        else if (types.Contains("string") && schema["format"] is null)
        {
            if ((int?)schema["maxLength"] is { } longest)
            {
                yield return new string('x', longest + 1);
            }
            else if (schema["pattern"] is not null)
            {
                yield return new string('\u0142', 5_000);
            }
            else
            {
                Unbounded.Add($"{place}: a text without maxLength, pattern or format");
            }
        }
        else if (types.Contains("integer") || types.Contains("number"))
        {
            if (schema["maximum"] is not { } most || schema["minimum"] is not { } least)
            {
                Unbounded.Add($"{place}: a number without minimum and maximum");
                yield break;
            }

            yield return JsonValue.Create(decimal.Parse(most.ToString(), System.Globalization.CultureInfo.InvariantCulture) + 1);
            yield return JsonValue.Create(99_999_999_999_999_999_999m);
            yield return JsonValue.Create(decimal.Parse(least.ToString(), System.Globalization.CultureInfo.InvariantCulture) - 1);
        }
    }

    private JsonNode Resolve(JsonNode schema)
    {
        if ((string?)schema["$ref"] is { } reference)
        {
            return Resolve(document["components"]!["schemas"]![reference.Split('/')[^1]]!);
        }

        return (schema["oneOf"] ?? schema["anyOf"] ?? schema["allOf"]) is JsonArray choices
            && choices.FirstOrDefault(c => (string?)c!["type"] != "null") is { } choice
            ? Resolve(choice)
            : schema;
    }

    private static JsonNode With(JsonNode right, string name, JsonNode value)
    {
        var copy = right.DeepClone();
        copy[name] = value;
        return copy;
    }
}
