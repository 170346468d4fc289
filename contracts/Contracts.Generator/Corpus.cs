using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Contracts.Events;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>
/// Good and bad messages of every event with the verdict of the inbound check, one JSON document per line.
/// A validator in another language must come to the same verdict by the schemas alone: then schema and check say the same.
/// </summary>
public static class Corpus
{
    /// <summary>Values that are right for one kind of member and wrong for the others.</summary>
    private static readonly string[] Values =
    [
        "null", "true", "0", "1", "-1", "2.5", "2147483647", "2147483648", "\"\"", "\"x\"", "\"EUR\"", "\"euro\"", "\"DE\"", "\"19.99\"", "\"-1.00\"", "\".5\"", "\"1e3\"",
        "\"authorized\"", "\"Authorized\"", "\"0198f1a2-7c00-7000-8000-00000000a001\"", "\"0198f1a27c0070008000-00000000a001\"",
        "\"2026-03-14T09:26:53.589Z\"", "\"2026-03-14T11:26:53+02:00\"", "\"2026-03-14T09:26:53\"", "\"2026-03-14T09:26Z\"", "\"2026-03-14\"", "\"2026-02-30T09:26:53Z\"", "[]", "{}", "[1]",
    ];

    public static IEnumerable<string> Lines() =>
        from descriptor in ShopContracts.Catalogue.All
        from body in Bodies(JsonSerializer.SerializeToNode(Examples.Of(descriptor), descriptor.ClrType, ContractJson.Options)!)
        let reason = ContractValidator.Validate(descriptor, Encoding.UTF8.GetBytes(body))
        select new JsonObject { ["type"] = descriptor.Type, ["valid"] = reason is null, ["reason"] = reason, ["body"] = JsonNode.Parse(body) }.ToJsonString();

    private static IEnumerable<string> Bodies(JsonNode good)
    {
        yield return good.ToJsonString();
        foreach (var path in Paths(good, []))
        {
            yield return Change(good, path, null);
            foreach (var value in Values)
            {
                yield return Change(good, path, value);
            }
        }
    }

    private static IEnumerable<object[]> Paths(JsonNode node, object[] path) => node switch
    {
        JsonObject o => o.SelectMany(p => Paths(p.Value!, [.. path, p.Key]).Prepend([.. path, p.Key])),
        JsonArray { Count: > 0 } a => Paths(a[0]!, [.. path, 0]),
        _ => [],
    };

    private static string Change(JsonNode good, object[] path, string? value)
    {
        var changed = good.DeepClone();
        var parent = (JsonObject)path[..^1].Aggregate(changed, (node, step) => step is int i ? node[i]! : node[(string)step]!);
        var name = (string)path[^1];
        parent.Remove(name);
        parent["someMemberOfALaterVersion"] = new JsonObject { ["deep"] = new JsonArray(1, null) };
        if (value is not null)
        {
            parent[name] = JsonNode.Parse(value);
        }

        return changed.ToJsonString();
    }
}
