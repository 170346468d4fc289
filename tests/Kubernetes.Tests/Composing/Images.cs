using System.Text.Json.Nodes;

namespace Kubernetes.Tests.Composing;

/// <summary>The images of containers, by the name that manifests give them.</summary>
internal static class Images
{
    public static void Set(IEnumerable<JsonObject> all, JsonObject image)
    {
        foreach (var container in all.Select(r => new Resource(r)).Where(r => r.Pod is not null).SelectMany(r => r.Containers))
        {
            if ((string)container["image"]! == (string)image["name"]!)
            {
                var name = (string?)image["newName"] ?? (string)image["name"]!;
                container["image"] = (string?)image["digest"] is { } digest ? $"{name}@{digest}" : $"{name}:{image["newTag"]}";
            }
        }
    }
}
