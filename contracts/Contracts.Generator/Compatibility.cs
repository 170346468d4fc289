using System.Globalization;
using System.Text.Json.Nodes;

namespace Contracts.Generator;

/// <summary>A difference between two schemas of one event that some producer or consumer could not live with.</summary>
/// <param name="Event">Wire name.</param>
/// <param name="Field">Path of the member, <c>*</c> for every element of a list.</param>
/// <param name="Rule">The rule that it breaks.</param>
/// <param name="Detail">What was and what is.</param>
public sealed record Violation(string Event, string Field, string Rule, string Detail)
{
    /// <summary>The whole message, with what to do instead.</summary>
    public override string ToString() =>
        $"{Event} {(Field.Length == 0 ? "(the whole event)" : Field)}: {Detail} [rule: {Rule}]. "
        + $"Within {Event[(Event.LastIndexOf('.') + 1)..]} only new optional members are allowed. "
        + $"Undo it, or leave this version alone and publish {NextVersion} beside it: docs/how-to/publish-a-new-version.md.";

    private string NextVersion
    {
        get
        {
            var dot = Event.LastIndexOf(".v", StringComparison.Ordinal) + 2;
            return Event[..dot] + (int.Parse(Event[dot..], CultureInfo.InvariantCulture) + 1);
        }
    }
}

/// <summary>
/// Whether two schemas of the same major version are compatible both ways: every message under the old one can be read by whoever knows the new one,
/// and the other way round. It is asked for every version ever published, so compatibility is full and transitive.
/// </summary>
public static class Compatibility
{
    /// <summary>Keywords that say something to people and nothing to a validator.</summary>
    private static readonly string[] Annotations = ["$schema", "$id", "title", "description", "deprecated", "examples"];

    /// <summary>Keywords where a greater number allows less.</summary>
    private static readonly string[] LowerBounds = ["minimum", "minLength", "minItems"];

    private static readonly string[] Bounds = [.. LowerBounds, "maximum", "maxLength", "maxItems"];

    private static readonly string[] Structure = ["type", "enum", "properties", "required", "items"];

    public static IReadOnlyList<Violation> Compare(string boundaryEvent, JsonObject published, JsonObject current) =>
        [.. Differences("", published, current).Select(d => new Violation(boundaryEvent, d.Field, d.Rule, d.Detail))];

    private static IEnumerable<(string Field, string Rule, string Detail)> Differences(string path, JsonObject published, JsonObject current)
    {
        if (Text(published["type"]) != Text(current["type"]))
        {
            return [(path, "type changed", $"was {Text(published["type"])} and is {Text(current["type"])}")];
        }

        return
        [
            .. Choices(path, published, current),
            .. Ranges(path, published, current),
            .. Others(path, published, current),
            .. Members(path, published, current),
            .. Elements(path, published, current),
        ];
    }

    private static IEnumerable<(string, string, string)> Choices(string path, JsonObject published, JsonObject current)
    {
        if (published["enum"] is null != current["enum"] is null)
        {
            yield return (
                path,
                "type changed",
                published["enum"] is null ? "any text was allowed and is not any longer" : "only listed values were allowed and any text is now");
            yield break;
        }

        var (before, after) = (Names(published["enum"]), Names(current["enum"]));
        foreach (var value in before.Except(after))
        {
            yield return (path, "enum value removed", $"value '{value}' is gone, and published messages hold it");
        }

        foreach (var value in after.Except(before))
        {
            yield return (path, "enum value added", $"value '{value}' is new, and deployed consumers would refuse it");
        }
    }

    private static IEnumerable<(string, string, string)> Ranges(string path, JsonObject published, JsonObject current)
    {
        foreach (var keyword in Bounds)
        {
            var (before, after) = (Number(published[keyword]), Number(current[keyword]));
            if (before == after)
            {
                continue;
            }

            var lower = LowerBounds.Contains(keyword);
            var narrower = after is not null && (before is null || (lower ? after > before : after < before));
            yield return narrower
                ? (path, "range narrower", $"{keyword} {Was(before)} and is {after}, so that messages already published would be refused")
                : (path, "range wider", $"{keyword} was {before} and {Is(after)}, so that deployed consumers would refuse new messages");
        }

        static string Was(long? value) => value is null ? "was not set" : $"was {value}";
        static string Is(long? value) => value is null ? "is not set" : $"is {value}";
    }

    /// <summary>Format, pattern and whatever keyword comes one day: the same before and after, or refused.</summary>
    private static IEnumerable<(string, string, string)> Others(string path, JsonObject published, JsonObject current)
    {
        foreach (var keyword in published.Concat(current).Select(p => p.Key).Distinct().Except([.. Annotations, .. Bounds, .. Structure]))
        {
            if (!JsonNode.DeepEquals(published[keyword], current[keyword]))
            {
                yield return (path, $"{keyword} changed", $"{keyword} was {Show(published[keyword])} and is {Show(current[keyword])}");
            }
        }
    }

    private static IEnumerable<(string, string, string)> Members(string path, JsonObject published, JsonObject current)
    {
        var (before, after) = (Object(published["properties"]), Object(current["properties"]));
        var (requiredBefore, requiredAfter) = (Names(published["required"]), Names(current["required"]));
        var added = after.Select(p => p.Key).Except(before.Select(p => p.Key)).ToList();

        foreach (var (name, schema) in before)
        {
            var field = $"{path}/{name}";
            if (after[name] is not JsonObject counterpart)
            {
                var renamed = added.FirstOrDefault(a => SameShape(schema!, after[a]!));
                yield return renamed is null
                    ? (field, "member dropped", "is gone, and deployed consumers read it")
                    : (field, "member renamed", $"is gone and '{renamed}' has come in its place; the name on the wire is fixed");
                continue;
            }

            if (requiredBefore.Contains(name) && !requiredAfter.Contains(name))
            {
                yield return (field, "required made optional", "was required and is optional, and deployed consumers insist on it");
            }
            else if (!requiredBefore.Contains(name) && requiredAfter.Contains(name))
            {
                yield return (field, "optional made required", "was optional and is required, and published messages lack it");
            }

            foreach (var difference in Differences(field, (JsonObject)schema!, counterpart))
            {
                yield return difference;
            }
        }

        foreach (var name in added.Intersect(requiredAfter))
        {
            yield return ($"{path}/{name}", "new required member", "is new and required, and published messages lack it");
        }
    }

    private static IEnumerable<(string, string, string)> Elements(string path, JsonObject published, JsonObject current) =>
        published["items"] is JsonObject before && current["items"] is JsonObject after ? Differences(path + "/*", before, after) : [];

    private static bool SameShape(JsonNode one, JsonNode other) => !Differences("", (JsonObject)one, (JsonObject)other).Any();

    private static JsonObject Object(JsonNode? node) => node as JsonObject ?? [];

    private static HashSet<string> Names(JsonNode? node) => node is JsonArray array ? [.. array.Select(n => (string)n!)] : [];

    private static long? Number(JsonNode? node) => node is null ? null : long.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);

    private static string? Text(JsonNode? node) => (string?)node;

    private static string Show(JsonNode? node) => node is null ? "not set" : node.ToJsonString();
}
