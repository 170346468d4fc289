using System.Text.Json;
using System.Text.Json.Nodes;
using Contracts.Generator;
using Json.Schema;
using Shop.Contracts;

namespace Contracts.Tests;

/// <summary>
/// A validator that knows the schemas alone comes to the verdict of the inbound check, for what was ever published and for what is wrong in every way.
/// </summary>
public sealed class The_schemas
{
    private static readonly EvaluationOptions Strict = new() { RequireFormatValidation = true };

    private static readonly Output Contracts = Output.Locate();

    // A schema is known by its $id as soon as it is read, and must not be read twice.
    private static readonly Dictionary<string, JsonSchema> Committed =
        ShopContracts.Catalogue.All.ToDictionary(e => e.Type, e => JsonSchema.FromText(File.ReadAllText(Contracts.PathOf($"schemas/{e.Type}.json"))));

    private static readonly ILookup<string, JsonNode> Messages = Corpus.Lines().Select(l => JsonNode.Parse(l)!).ToLookup(m => (string)m["type"]!);

    public static TheoryData<string> Every => [.. ShopContracts.Catalogue.All.Select(e => e.Type)];

    public static TheoryData<string> Samples => [.. Contracts.Samples().Where(s => ShopContracts.Catalogue.Find(s.Type) is not null).Select(s => s.File)];

    [Theory]
    [MemberData(nameof(Every))]
    public void Are_schemas_of_their_dialect(string type)
    {
        var schema = JsonNode.Parse(File.ReadAllText(Contracts.PathOf($"schemas/{type}.json")))!;
        schema["$schema"]!.GetValue<string>().ShouldBe(MetaSchemas.Draft202012Id.ToString().TrimEnd('#'));
        Verdict(MetaSchemas.Draft202012, schema.ToJsonString()).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Let_every_golden_sample_pass(string file)
    {
        var (type, _, body) = Contracts.Samples().Single(s => s.File == file);
        Verdict(Committed[type], body).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Judge_as_the_inbound_check_does(string type)
    {
        Messages[type].Select(m => (bool)m["valid"]!).Distinct().Count().ShouldBe(2, "the corpus has good and bad messages of every event.");
        Messages[type].Where(m => Verdict(Committed[type], m["body"]!.ToJsonString()) != (bool)m["valid"]!).Select(m => m.ToJsonString()).ShouldBeEmpty();
    }

    private static bool Verdict(JsonSchema schema, string body)
    {
        using var document = JsonDocument.Parse(body);
        return schema.Evaluate(document.RootElement, Strict).IsValid;
    }
}
