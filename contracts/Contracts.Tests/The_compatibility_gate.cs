using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Contracts.Events;
using Contracts.Generator;
using Shop.Contracts;

namespace Contracts.Tests;

/// <summary>The gate itself: each change that would break somebody is named with its event, field and rule, and says what to do instead.</summary>
public sealed class The_compatibility_gate
{
    private static readonly Output Contracts = Output.Locate();

    private const string Event = "shop.payment.processed.v1";

    private static JsonObject Published => Contracts.Schema(ShopContracts.Catalogue.Find(Event)!);

    public static TheoryData<string> Every => [.. ShopContracts.Catalogue.All.Select(e => e.Type)];

    private static IReadOnlyList<Violation> After(Action<JsonObject> change)
    {
        var current = Published;
        change(current);
        return Compatibility.Compare(Event, Published, current);
    }

    private static Violation OnlyViolationAfter(Action<JsonObject> change) => After(change).ShouldHaveSingleItem();

    private static JsonObject Members(JsonObject schema) => (JsonObject)schema["properties"]!;

    private static JsonObject Member(JsonObject schema, string name) => (JsonObject)Members(schema)[name]!;

    private static void Forget(JsonObject schema, string name)
    {
        var required = (JsonArray)schema["required"]!;
        required.Remove(required.FirstOrDefault(n => (string)n! == name));
    }

    [Fact]
    public void Lets_the_same_schema_pass() => After(_ => { }).ShouldBeEmpty();

    [Fact]
    public void Lets_a_new_optional_member_pass() =>
        After(s => Members(s)["wallet"] = new JsonObject { ["type"] = "string", ["minLength"] = 1 }).ShouldBeEmpty();

    [Fact]
    public void Lets_better_words_pass() =>
        After(s =>
        {
            s["description"] = "better";
            s["deprecated"] = true;
            s["examples"] = new JsonArray();
            Member(s, "amount")["description"] = "better";
        }).ShouldBeEmpty();

    [Fact]
    public void Names_a_renamed_member() =>
        OnlyViolationAfter(s =>
        {
            var member = Member(s, "declineCode");
            Members(s).Remove("declineCode");
            Members(s)["refusalCode"] = member;
        }).ToString().ShouldBe(
            "shop.payment.processed.v1 /declineCode: is gone and 'refusalCode' has come in its place; the name on the wire is fixed [rule: member renamed]. "
            + "Within v1 only new optional members are allowed. Undo it, or leave this version alone and publish shop.payment.processed.v2 beside it: "
            + "docs/how-to/publish-a-new-version.md.");

    [Fact]
    public void Names_a_dropped_member() =>
        OnlyViolationAfter(s => Members(s).Remove("declineCode")).ShouldSatisfyAllConditions(
            v => v.Field.ShouldBe("/declineCode"), v => v.Rule.ShouldBe("member dropped"));

    [Fact]
    public void Names_a_changed_type() =>
        OnlyViolationAfter(s => Member(s, "amount")["type"] = "string").ShouldSatisfyAllConditions(
            v => v.Field.ShouldBe("/amount"), v => v.Rule.ShouldBe("type changed"));

    [Fact]
    public void Names_a_tightened_type() =>
        OnlyViolationAfter(s => Member(s, "declineCode")["format"] = "uuid").ShouldSatisfyAllConditions(
            v => v.Field.ShouldBe("/declineCode"), v => v.Rule.ShouldBe("format changed"));

    [Fact]
    public void Names_a_text_that_became_a_choice() =>
        OnlyViolationAfter(s => Member(s, "declineCode")["enum"] = new JsonArray("a", "b")).Rule.ShouldBe("type changed");

    [Fact]
    public void Names_a_removed_enum_value() =>
        OnlyViolationAfter(s => ((JsonArray)Member(s, "status")["enum"]!).RemoveAt(3))
            .ShouldSatisfyAllConditions(v => v.Field.ShouldBe("/status"), v => v.Rule.ShouldBe("enum value removed"), v => v.Detail.ShouldContain("'voided'"));

    [Fact]
    public void Names_an_added_enum_value() =>
        OnlyViolationAfter(s => ((JsonArray)Member(s, "status")["enum"]!).Add("disputed"))
            .ShouldSatisfyAllConditions(v => v.Rule.ShouldBe("enum value added"), v => v.Detail.ShouldContain("'disputed'"));

    [Fact]
    public void Names_an_optional_member_that_became_required() =>
        OnlyViolationAfter(s => ((JsonArray)s["required"]!).Add("declineCode")).Rule.ShouldBe("optional made required");

    [Fact]
    public void Names_a_required_member_that_became_optional() =>
        OnlyViolationAfter(s => Forget(s, "userId")).ShouldSatisfyAllConditions(
            v => v.Field.ShouldBe("/userId"), v => v.Rule.ShouldBe("required made optional"));

    [Fact]
    public void Names_a_new_required_member() =>
        OnlyViolationAfter(s =>
        {
            Members(s)["wallet"] = new JsonObject { ["type"] = "string" };
            ((JsonArray)s["required"]!).Add("wallet");
        }).ShouldSatisfyAllConditions(v => v.Field.ShouldBe("/wallet"), v => v.Rule.ShouldBe("new required member"));

    [Fact]
    public void Names_a_changed_pattern_deep_inside() =>
        OnlyViolationAfter(s => Member(Member(s, "amount"), "currency")["pattern"] = "^[A-Z]{2}$")
            .ShouldSatisfyAllConditions(v => v.Field.ShouldBe("/amount/currency"), v => v.Rule.ShouldBe("pattern changed"));

    [Theory]
    [InlineData("minLength", 5, "range narrower")]
    [InlineData("maxLength", 50, "range narrower")]
    public void Names_a_new_bound(string keyword, int value, string rule) =>
        OnlyViolationAfter(s => Member(s, "declineCode")[keyword] = value).Rule.ShouldBe(rule);

    [Theory]
    [InlineData("minimum", 1, 2, "range narrower")]
    [InlineData("minimum", 1, 0, "range wider")]
    [InlineData("maximum", 9, 8, "range narrower")]
    [InlineData("maximum", 9, 10, "range wider")]
    [InlineData("minItems", 1, 2, "range narrower")]
    public void Names_a_moved_bound_in_a_list(string keyword, int before, int after, string rule)
    {
        static JsonObject List(string keyword, int value) => new()
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["lines"] = new JsonObject
                {
                    ["type"] = "array",
                    ["items"] = new JsonObject
                    {
                        ["type"] = "object", ["properties"] = new JsonObject { ["x"] = new JsonObject { ["type"] = "integer", [keyword] = value } },
                    },
                },
            },
        };
        Compatibility.Compare(Event, List(keyword, before), List(keyword, after)).ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(v => v.Field.ShouldBe("/lines/*/x"), v => v.Rule.ShouldBe(rule));
    }

    [Fact]
    public void Names_a_keyword_that_it_has_never_seen() =>
        OnlyViolationAfter(s => s["additionalProperties"] = false).Rule.ShouldBe("additionalProperties changed");

    [Theory]
    [MemberData(nameof(Every))]
    public void Notices_the_loss_of_any_member_of_any_event(string type)
    {
        var published = Contracts.Schema(ShopContracts.Catalogue.Find(type)!);
        foreach (var path in Paths(published, ""))
        {
            NoticesTheLoss(type, published, path);
        }
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Notices_another_type_of_any_member_of_any_event(string type)
    {
        var published = Contracts.Schema(ShopContracts.Catalogue.Find(type)!);
        foreach (var path in Paths(published, ""))
        {
            NoticesAnotherType(type, published, path);
        }
    }

    [Fact]
    public void Copes_with_every_type_that_is_allowed()
    {
        var published = new SchemaWriter(DocComments.Of(ShopContracts.Catalogue)).Command(typeof(Everything));
        Members(published).Where(m => m.Value!["type"] is null).Select(m => $"{m.Key}: {m.Value}").ShouldBeEmpty("whoever reads the schema is told what it is");
        Compatibility.Compare(Event, published, published).ShouldBeEmpty();
        foreach (var path in Paths(published, ""))
        {
            NoticesAnotherType(Event, published, path);
            NoticesTheLoss(Event, published, path);
        }

        foreach (var kind in Enum.GetValues<ShapeKind>())
        {
            Kinds(ContractShape.Of(typeof(Everything))).ShouldContain(kind);
        }

        static IEnumerable<ShapeKind> Kinds(ContractShape shape) =>
            [shape.Kind, .. shape.Properties.SelectMany(p => Kinds(p.Shape)), .. shape.Items is { } items ? Kinds(items) : []];
    }

    private static void NoticesTheLoss(string type, JsonObject published, string path)
    {
        var current = (JsonObject)published.DeepClone();
        var (parent, name) = Resolve(current, path);
        Members(parent).Remove(name);
        Forget(parent, name);
        Compatibility.Compare(type, published, current).ShouldContain(v => v.Field == path && v.Rule == "member dropped", $"{type} {path}");
    }

    private static void NoticesAnotherType(string type, JsonObject published, string path)
    {
        var current = (JsonObject)published.DeepClone();
        var (parent, name) = Resolve(current, path);
        var member = Member(parent, name);
        member["type"] = (string?)member["type"] == "boolean" ? "string" : "boolean";
        Compatibility.Compare(type, published, current).ShouldContain(v => v.Field == path && v.Rule == "type changed", $"{type} {path}");
    }

    private static IEnumerable<string> Paths(JsonObject schema, string path) =>
        Members(schema).SelectMany(p => (IEnumerable<string>)
        [
            $"{path}/{p.Key}",
            .. p.Value!["properties"] is not null ? Paths((JsonObject)p.Value, $"{path}/{p.Key}")
                : p.Value["items"] is JsonObject items ? Paths(items, $"{path}/{p.Key}/*")
                : [],
        ]);

    private static (JsonObject Parent, string Name) Resolve(JsonObject schema, string path)
    {
        var steps = path.Split('/')[1..];
        var parent = steps[..^1].Aggregate(schema, (s, step) => step == "*" ? (JsonObject)s["items"]! : Member(s, step));
        return (parent, steps[^1]);
    }

    private enum Choice
    {
        This,
        That,
    }

    // All that docs/how-to/add-an-event.md allows, each once as it must be there and once as it may.
    private sealed record Everything(
        string Text,
        Guid Id,
        DateTimeOffset At,
        int Number,
        bool Flag,
        Choice Choice,
        Part Part,
        IReadOnlyList<Part> Parts,
        [property: JsonConverter(typeof(DecimalStringConverter))] decimal Amount,
        string? MayText = null,
        Guid? MayId = null,
        DateTimeOffset? MayAt = null,
        int? MayNumber = null,
        bool? MayFlag = null,
        Choice? MayChoice = null,
        Part? MayPart = null);

    private sealed record Part(bool Whole, int Pieces);
}
