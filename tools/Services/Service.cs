using System.Text.Json;
using System.Text.Json.Serialization;

namespace Services;

/// <summary>
/// A service, as its <c>services/&lt;name&gt;/service.json</c> says it: the one place that says that there is one. Scripts, Compose, the broker's rights, the
/// documents of the events and the tests follow from it.
/// </summary>
public sealed record Service
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>The name of the folder, and with it of the database, of the broker's user and of the first part of its queues: lower-case letters.</summary>
    [JsonIgnore]
    public string Name { get; private init; } = "";

    /// <summary>On 127.0.0.1, in both modes.</summary>
    public required int Port { get; init; }

    /// <summary>The first of the thousand ids for what it logs; no two services have the same.</summary>
    public required int EventIds { get; init; }

    /// <summary>Over its events, on the page of the events.</summary>
    public required string Title { get; init; }

    /// <summary>What its boundary events are about: <c>order</c> for <c>shop.order.*</c>. No two services publish about the same.</summary>
    public required IReadOnlyList<string> Publishes { get; init; }

    /// <summary>Queues of other services to which it sends commands.</summary>
    public IReadOnlyList<string> WritesTo { get; init; } = [];

    /// <summary>
    /// Whether it keeps nothing: it has no database, is not known to the broker, and neither says nor hears anything. What it may lose has a folder of its own,
    /// <c>/data</c> in its container.
    /// </summary>
    public bool Stateless { get; init; }

    /// <summary>Whether it may send its events of the past to a partner's queue again.</summary>
    public bool ReplaysToPartners { get; init; }

    /// <summary>What else must be there before its container starts, with Compose's condition.</summary>
    public IReadOnlyDictionary<string, string> Needs { get; init; } = new Dictionary<string, string>();

    public required IReadOnlyList<Subscription> Listens { get; init; }

    /// <summary>The name of its project: <c>services/orders/Orders/Orders.csproj</c>.</summary>
    [JsonIgnore]
    public string Project => char.ToUpperInvariant(Name[0]) + Name[1..];

    /// <summary>How its settings begin: <c>ORDERS_PORT</c>.</summary>
    [JsonIgnore]
    public string Variable => Name.ToUpperInvariant();

    /// <summary>Every service of a repository, in the order of the ports, which is the one in which people name them.</summary>
    /// <exception cref="InvalidDataException">
    /// A manifest cannot be read, or contradicts itself; or two services have the same port, publish about the same or log under the same ids.
    /// </exception>
    public static IReadOnlyList<Service> Of(string root)
    {
        var all = Directory.GetFiles(Path.Combine(root, "services"), "service.json", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Select(Read).OrderBy(s => s.Port).ToList();
        var twice = all.GroupBy(s => $"the port {s.Port}").Concat(all.GroupBy(s => $"the event ids from {s.EventIds}"))
            .Concat(all.SelectMany(s => s.Publishes.Select(p => (Service: s, About: p))).GroupBy(p => $"events about '{p.About}'", p => p.Service))
            .FirstOrDefault(g => g.Count() > 1);
        return twice is null ? all : throw new InvalidDataException($"{string.Join(" and ", twice.Select(s => s.Name))} both have {twice.Key}.");
    }

    private static Service Read(string path)
    {
        try
        {
            var service = JsonSerializer.Deserialize<Service>(File.ReadAllText(path), Format)! with { Name = Path.GetFileName(Path.GetDirectoryName(path)!) };
            return service.Stateless && (service.Publishes.Count + service.WritesTo.Count + service.Listens.Count > 0 || service.ReplaysToPartners)
                ? throw new InvalidDataException($"{path}: a service that is stateless has nothing to do with the broker.")
                : service;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}

/// <summary>A queue of a service that takes boundary events. A system test compares it with the bindings that the running service declares.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Purpose">What the service does with the events.</param>
/// <param name="Events">Wire names; <c>*</c> for all, by the topic exchange.</param>
public sealed record Subscription(string Queue, string Purpose, IReadOnlyList<string> Events)
{
    public bool Covers(string type) => Events.Contains("*") || Events.Contains(type);
}
