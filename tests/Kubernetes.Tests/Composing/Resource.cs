using System.Text.Json.Nodes;

namespace Kubernetes.Tests.Composing;

/// <summary>A resource of a cluster, and what the tests ask of it.</summary>
/// <param name="Json">As it is applied.</param>
internal sealed record Resource(JsonObject Json)
{
    public string ApiVersion => (string)Json["apiVersion"]!;

    public string Kind => (string)Json["kind"]!;

    public string Name => (string)Json["metadata"]!["name"]!;

    /// <summary>Whether it is of an operator's kind, which only its definition knows.</summary>
    public bool IsCustom => ApiVersion.Contains('.', StringComparison.Ordinal) && !ApiVersion.StartsWith("networking.k8s.io/", StringComparison.Ordinal);

    /// <summary>What its pods are made from; null where it has none.</summary>
    public JsonObject? Pod => Kind is "Deployment" or "Job" ? Json["spec"]!["template"]!["spec"]!.AsObject() : null;

    public IReadOnlyDictionary<string, string> PodLabels =>
        Json["spec"]!["template"]!["metadata"]!["labels"]!.AsObject().ToDictionary(l => l.Key, l => (string)l.Value!);

    /// <summary>What a map of settings has in it.</summary>
    public IEnumerable<KeyValuePair<string, string>> Data => Json["data"]!.AsObject().Select(d => KeyValuePair.Create(d.Key, (string)d.Value!));

    public IEnumerable<JsonObject> Containers =>
        Pod!["containers"]!.AsArray().Concat(Pod["initContainers"]?.AsArray() ?? []).Select(c => c!.AsObject());

    /// <summary>Whether pods with these labels are meant.</summary>
    /// <param name="selector">With <c>matchLabels</c> alone, or as a service has it.</param>
    /// <param name="labels">Of a pod, or of a namespace.</param>
    public static bool Selects(JsonNode selector, IReadOnlyDictionary<string, string> labels)
    {
        if (selector["matchExpressions"] is not null)
        {
            throw new InvalidDataException($"Not known here: {selector.ToJsonString()}");
        }

        return (selector["matchLabels"] ?? (selector.AsObject().Count == 0 ? new JsonObject() : selector["matchLabels"] is null ? selector : null))!
            .AsObject().All(l => labels.GetValueOrDefault(l.Key) == (string)l.Value!);
    }

    public override string ToString() => $"{Kind} {Name}";
}
