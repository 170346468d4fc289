using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Contracts.Events;
using Services;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>The committed files that follow from the records. All of it is a pure function of the records and of what was published before.</summary>
public sealed partial class Output(string root)
{
    /// <summary>What a test or a person runs after a record has changed.</summary>
    public const string Command = "dotnet run --project contracts/Contracts.Generator";

    internal static readonly JsonSerializerOptions Readable = new(ContractJson.Options)
    {
        WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly SchemaWriter _schemas = new(DocComments.Of(ShopContracts.Catalogue));

    /// <summary>The services of the repository that say and hear something.</summary>
    public IReadOnlyList<Service> Services { get; } = [.. Service.Of(Path.GetDirectoryName(root)!).Where(s => !s.Stateless)];

    /// <summary>The directory <c>contracts/</c>, found upwards from where the program runs.</summary>
    public static Output Locate()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (Directory.Exists(Path.Combine(directory.FullName, "contracts", "Shop.Contracts")))
            {
                return new Output(Path.Combine(directory.FullName, "contracts"));
            }
        }

        throw new DirectoryNotFoundException($"No directory 'contracts' above {AppContext.BaseDirectory}.");
    }

    /// <summary>Files that are always made anew, by path below <c>contracts/</c>.</summary>
    public IReadOnlyDictionary<string, string> Files()
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var descriptor in ShopContracts.Catalogue.All)
        {
            files[$"schemas/{descriptor.Type}.json"] = Text(Schema(descriptor));
        }

        var documents = new Documents(_schemas, Services);
        files["asyncapi.yaml"] = "# Made from the records in contracts/Contracts. Change those, then: " + Command + "\n" + documents.AsyncApi();
        files["asyncapi.html"] = documents.Page();
        return files;
    }

    public JsonObject Schema(BoundaryEventDescriptor descriptor) =>
        _schemas.Document(descriptor, SamplesOf(descriptor).Select(s => JsonSerializer.SerializeToNode(s.Message, descriptor.ClrType, ContractJson.Options)!));

    /// <summary>Every schema version of an event that was ever published, oldest first, by version such as <c>2.0</c>.</summary>
    public IReadOnlyList<(string Version, JsonObject Schema)> Published(string type)
    {
        var directory = Path.Combine(root, "schemas", "published", type);
        return !Directory.Exists(directory)
            ? []
            : [.. Directory.GetFiles(directory, "*.json")
                .Select(f => (Version: Path.GetFileNameWithoutExtension(f), Schema: (JsonObject)JsonNode.Parse(File.ReadAllText(f))!))
                .OrderBy(p => Minor(p.Version))];
    }

    /// <summary>Every event that was ever published.</summary>
    public IReadOnlyList<string> PublishedTypes() =>
        [.. Directory.GetDirectories(Path.Combine(root, "schemas", "published")).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];

    /// <summary>The events that were published once and are not any longer, with their reasons.</summary>
    public IReadOnlyDictionary<string, string> Retired() =>
        JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(Path.Combine(root, "schemas", "retired.json")))!;

    /// <summary>Golden samples of every version ever published.</summary>
    public IReadOnlyList<(string Type, string File, string Body)> Samples() =>
        [.. Directory.GetFiles(Path.Combine(root, "schemas", "samples"), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(f => (Path.GetFileName(Path.GetDirectoryName(f)!), Path.GetRelativePath(root, f).Replace('\\', '/'), File.ReadAllText(f)))];

    /// <summary>What keeps the records from being published as they are.</summary>
    public IReadOnlyList<Violation> Violations() =>
        [.. ShopContracts.Catalogue.All.SelectMany(e => Published(e.Type).SelectMany(p => Compatibility.Compare(e.Type, p.Schema, Schema(e))).Distinct())];

    /// <summary>The events whose records say something that no published version says yet.</summary>
    public IReadOnlyList<BoundaryEventDescriptor> Unpublished() =>
        [.. ShopContracts.Catalogue.All.Where(e => Published(e.Type) is not [.., var last] || !JsonNode.DeepEquals(Bare(last.Schema), Bare(Schema(e))))];

    /// <summary>Files of the history that are still to be written: they are written once and never again.</summary>
    public IReadOnlyDictionary<string, string> NewHistory()
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var descriptor in Unpublished())
        {
            var version = $"{descriptor.Version}.{Published(descriptor.Type).Count}";
            files[$"schemas/published/{descriptor.Type}/{version}.json"] = Text(Schema(descriptor));
            foreach (var (name, message) in SamplesOf(descriptor))
            {
                files[$"schemas/samples/{descriptor.Type}/{version}{name}.json"] = Text(
                    JsonSerializer.SerializeToNode(message, descriptor.ClrType, ContractJson.Options)!);
            }
        }

        return files;
    }

    public string PathOf(string file) => Path.Combine(root, file.Replace('/', Path.DirectorySeparatorChar));

    private static IEnumerable<(string Name, object Message)> SamplesOf(BoundaryEventDescriptor descriptor)
    {
        yield return ("", Examples.Of(descriptor));
        if (Examples.MinimalOf(descriptor) is { } minimal)
        {
            yield return (".minimal", minimal);
        }
    }

    /// <summary>Without what only people read: a better description is not a new version.</summary>
    private static JsonNode? Bare(JsonNode? node) => node switch
    {
        JsonObject o =>
            new JsonObject(o.Where(p => p.Key is not ("description" or "examples" or "deprecated") || p.Value is JsonObject).Select(
                p => KeyValuePair.Create(p.Key, Bare(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Bare)]),
        _ => node?.DeepClone(),
    };

    private static int Minor(string version) => int.Parse(MinorVersion().Match(version).Value, System.Globalization.CultureInfo.InvariantCulture);

    private static string Text(JsonNode node) => node.ToJsonString(Readable) + "\n";

    [GeneratedRegex("[0-9]+$")]
    private static partial Regex MinorVersion();
}
