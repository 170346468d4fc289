using System.Text.Json.Nodes;
using Chassis.Testing;

namespace Kubernetes.Tests.Composing;

/// <summary>
/// What <c>kustomize build</c> makes of a folder, as far as <c>deploy/kubernetes</c> needs it. What it does not know is an error: a field, a patch of another
/// kind, a file that is not there. <see cref="The_composer"/> holds it against the real one where there is one.
/// </summary>
internal sealed class Kustomization
{
    private static readonly string[] Known =
    [
        "apiVersion", "kind", "namespace", "resources", "components", "patches", "images", "configMapGenerator", "generatorOptions",
    ];

    private static readonly HashSet<string> WithoutNamespace = ["Namespace"];

    private readonly List<JsonObject> _all = [];

    /// <summary>The resources of an overlay.</summary>
    public static IReadOnlyList<Resource> Of(string overlay) =>
        [.. Build(Repository.PathOf($"deploy/kubernetes/overlays/{overlay}"), [])._all.Select(r => new Resource(r))];

    /// <param name="folder">With its <c>kustomization.yaml</c>.</param>
    /// <param name="before">What a component is added to.</param>
    public static Kustomization Build(string folder, IEnumerable<JsonObject> before)
    {
        var result = new Kustomization();
        result._all.AddRange(before);
        result.Apply(folder, Yaml.Read(File.ReadAllText(Path.Combine(folder, "kustomization.yaml"))).Single().AsObject());
        return result;
    }

    /// <summary>Everything, as JSON.</summary>
    public IReadOnlyList<JsonObject> All => _all;

    private void Apply(string folder, JsonObject said)
    {
        if (said.Select(f => f.Key).Except(Known).FirstOrDefault() is { } unknown)
        {
            throw new InvalidDataException($"{folder}: this composer does not know '{unknown}'.");
        }

        foreach (var path in Texts(said["resources"]))
        {
            Add(Directory.Exists(Path.Combine(folder, path))
                ? Build(Path.GetFullPath(Path.Combine(folder, path)), [])._all
                : Yaml.Read(File.ReadAllText(Path.Combine(folder, path))).Select(r => r.AsObject()));
        }

        Add((said["configMapGenerator"]?.AsArray() ?? []).Select(g => Generated(folder, said, g!.AsObject())));
        foreach (var path in Texts(said["components"]))
        {
            var with = Build(Path.GetFullPath(Path.Combine(folder, path)), _all);
            _all.Clear();
            Add(with._all);
        }

        foreach (var patch in said["patches"]?.AsArray() ?? [])
        {
            Patch.Apply(_all, (string?)patch!["patch"] ?? File.ReadAllText(Path.Combine(folder, (string)patch["path"]!)), patch["target"]?.AsObject());
        }

        foreach (var image in said["images"]?.AsArray() ?? [])
        {
            Images.Set(_all, image!.AsObject());
        }

        if ((string?)said["namespace"] is { } name)
        {
            foreach (var resource in _all.Where(r => !WithoutNamespace.Contains((string)r["kind"]!)))
            {
                resource["metadata"]!["namespace"] = name;
            }
        }
    }

    private void Add(IEnumerable<JsonObject> resources)
    {
        foreach (var resource in resources)
        {
            var name = new Resource(resource).ToString();
            if (_all.Any(r => new Resource(r).ToString() == name))
            {
                throw new InvalidDataException($"{name} is there twice.");
            }

            _all.Add(resource);
        }
    }

    private static JsonObject Generated(string folder, JsonObject said, JsonObject generator)
    {
        if ((bool?)said["generatorOptions"]?["disableNameSuffixHash"] != true)
        {
            throw new InvalidDataException($"{folder}: this composer makes no names with hashes.");
        }

        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = (string)generator["name"]! },
            ["data"] = new JsonObject(Texts(generator["files"]).Select(f => KeyValuePair.Create(f, (JsonNode?)File.ReadAllText(Path.Combine(folder, f))))),
        };
    }

    private static IEnumerable<string> Texts(JsonNode? list) => list?.AsArray().Select(n => (string)n!) ?? [];
}
