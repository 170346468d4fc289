using System.Text.Json.Nodes;

namespace Shop.Chaos.Fuzz;

/// <summary>One operation of one service, as <c>/openapi/v1.json</c> describes it.</summary>
/// <param name="Service">Whose.</param>
/// <param name="Method">In capitals.</param>
/// <param name="Path">With names in braces.</param>
/// <param name="Parameters">Of query and headers.</param>
/// <param name="ContentType">Of the body; null without one.</param>
/// <param name="Body">Its schema.</param>
/// <param name="IsForOperators">Whether it says so.</param>
/// <param name="Document">What references point into.</param>
public sealed record Operation(
    string Service, string Method, string Path, IReadOnlyList<JsonNode> Parameters, string? ContentType, JsonNode? Body, bool IsForOperators, JsonNode Document)
{
    public override string ToString() => $"{Method} {Path} of {Service}";

    /// <summary>Whether an answer to it costs a hash of a password, or a run over everything that was ever stored.</summary>
    public bool IsCostly => Path is "/connect/token" or "/v1/users" || Path.Contains("password", StringComparison.Ordinal) || Path.Contains(
        "second-factor", StringComparison.Ordinal)
        || Path.EndsWith("/rebuild", StringComparison.Ordinal) || Path.EndsWith("/resync", StringComparison.Ordinal) || Path.EndsWith(
            "/repeat", StringComparison.Ordinal)
        || Path.EndsWith("/replay", StringComparison.Ordinal) || Path.EndsWith("/rotate", StringComparison.Ordinal) || Path.EndsWith(
            "/retry", StringComparison.Ordinal);

    public static IEnumerable<Operation> Of(string service, JsonNode document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        let content = operation.Value!["requestBody"]?["content"]?.AsObject().FirstOrDefault()
        select new Operation(
            service, operation.Key.ToUpperInvariant(), path.Key,
            [
                .. operation.Value["parameters"]?.AsArray().OfType<JsonNode>() ?? [],
            ], content?.Key, content?.Value?["schema"],
            ((string?)operation.Value["description"])?.Contains("For operators", StringComparison.Ordinal) == true, document);

    public JsonNode Resolve(JsonNode schema) => (string?)schema["$ref"] is { } reference
        ? Resolve(Document["components"]!["schemas"]![reference.Split('/')[^1]]!)
        : schema["allOf"] is JsonArray { Count: 1 } one ? Resolve(one[0]!) : schema;
}
