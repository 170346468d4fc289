using System.Globalization;
using System.Text.Json.Nodes;

namespace Kubernetes.Tests.Composing;

/// <summary>A patch of kustomize: a part of a resource that is laid over it, or a list of operations (RFC 6902: add, replace, remove).</summary>
internal static class Patch
{
    /// <summary>Of Kubernetes' own lists, by what their elements are told apart; any other list is replaced.</summary>
    private static readonly Dictionary<string, string> Keys = new()
    {
        ["containers"] = "name", ["volumes"] = "name", ["env"] = "name", ["volumeMounts"] = "mountPath", ["topologySpreadConstraints"] = "topologyKey",
    };

    private static readonly HashSet<string> OfKubernetes = ["apps", "batch", "v1", "policy", "autoscaling", "networking.k8s.io"];

    public static void Apply(List<JsonObject> all, string text, JsonObject? target)
    {
        foreach (var patch in Yaml.Read(text))
        {
            var of = target ?? new JsonObject { ["kind"] = (string)patch["kind"]!, ["name"] = (string)patch["metadata"]!["name"]! };
            var found = all.Where(r => Matches(r, of)).ToList();
            if (found.Count == 0)
            {
                throw new InvalidDataException($"A patch finds nothing to patch: {of.ToJsonString()}");
            }

            foreach (var resource in found)
            {
                if (patch is JsonArray operations)
                {
                    foreach (var operation in operations)
                    {
                        Do(resource, operation!.AsObject());
                    }
                }
                else if ((string?)patch["$patch"] == "delete")
                {
                    all.Remove(resource);
                }
                else
                {
                    Merge(resource, patch.AsObject(), OfKubernetes.Contains(((string)resource["apiVersion"]!).Split('/')[0]));
                }
            }
        }
    }

    private static bool Matches(JsonObject resource, JsonObject target) => target.All(t => t.Key switch
    {
        "kind" => (string)resource["kind"]! == (string)t.Value!,
        "name" => (string)resource["metadata"]!["name"]! == (string)t.Value!,
        _ => throw new InvalidDataException($"This composer does not know targets by '{t.Key}'."),
    });

    private static void Merge(JsonObject into, JsonObject patch, bool byKey)
    {
        foreach (var (name, value) in patch.ToList())
        {
            switch (into[name], value)
            {
                case (JsonObject old, JsonObject said):
                    Merge(old, said, byKey);
                    break;
                case (JsonArray old, JsonArray said) when byKey && Keys.TryGetValue(name, out var key):
                    MergeLists(old, said, key);
                    break;
                case (_, null):
                    into.Remove(name);
                    break;
                default:
                    into[name] = value.DeepClone();
                    break;
            }
        }
    }

    private static void MergeLists(JsonArray old, JsonArray said, string key)
    {
        foreach (var element in said)
        {
            if (old.FirstOrDefault(o => (string)o![key]! == (string)element![key]!) is { } found)
            {
                Merge(found.AsObject(), element!.AsObject(), byKey: true);
            }
            else
            {
                old.Add(element!.DeepClone());
            }
        }
    }

    private static void Do(JsonObject resource, JsonObject operation)
    {
        var path = ((string)operation["path"]!).Split('/')[1..].Select(p => p.Replace("~1", "/", StringComparison.Ordinal)).ToArray();
        JsonNode at = path[..^1].Aggregate((JsonNode)resource, (node, part) =>
            (node is JsonArray list ? list[int.Parse(part, CultureInfo.InvariantCulture)] : node[part])
            ?? throw new InvalidDataException($"{new Resource(resource)} has no {operation["path"]}"));
        var there = at.AsObject().ContainsKey(path[^1]);
        switch ((string)operation["op"]!)
        {
            case "replace" when there:
            case "add":
                at[path[^1]] = operation["value"]!.DeepClone();
                break;
            case "remove" when there:
                at.AsObject().Remove(path[^1]);
                break;
            default:
                throw new InvalidDataException($"{new Resource(resource)}: not possible, or not known: {operation.ToJsonString()}");
        }
    }
}
