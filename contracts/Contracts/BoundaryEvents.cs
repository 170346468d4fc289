using System.Collections.Frozen;
using System.Reflection;

namespace Shop.Contracts;

/// <summary>What the wire needs to know of one boundary event.</summary>
public sealed class BoundaryEventDescriptor
{
    private readonly PropertyInfo _subject;
    private readonly Lazy<ContractShape> _shape;

    internal BoundaryEventDescriptor(Type clrType, BoundaryEventAttribute attribute)
    {
        Type = attribute.Type;
        ClrType = clrType;
        Deprecated = attribute.Deprecated;
        Version = WireName.MajorVersion(attribute.Type);
        // One namespace per publisher and major version: Shop.Contracts.Orders.V2 is published by orders.
        Publisher = clrType.Namespace!.Split('.')[^2].ToLowerInvariant();
        _subject = clrType.GetProperty(attribute.Subject)
            ?? throw new InvalidOperationException($"{clrType.Name} names '{attribute.Subject}' as its subject and has no such property.");
        _shape = new Lazy<ContractShape>(() => ContractShape.Of(clrType));
    }

    /// <summary>The wire name, for example <c>shop.order.submitted.v1</c>: CloudEvents type, exchange and routing key.</summary>
    public string Type { get; }

    /// <summary>The major version that the wire name ends in.</summary>
    public int Version { get; }

    /// <summary>The record.</summary>
    public Type ClrType { get; }

    /// <summary>The service that publishes it, or <see cref="BoundaryEvents.EveryService"/>.</summary>
    public string Publisher { get; }

    /// <summary>Whether new consumers should stay away from it.</summary>
    public bool Deprecated { get; }

    /// <summary>The CloudEvents <c>dataschema</c> and the <c>$id</c> of the JSON Schema. A name, not an address: nothing on the wire names a host.</summary>
    public string DataSchema => SchemaPrefix + Type;

    /// <summary>What the record looks like as JSON, for the inbound check.</summary>
    public ContractShape Shape => _shape.Value;

    internal const string SchemaPrefix = "urn:shop:schema:";

    /// <summary>Reads the subject, for example the order id, from an instance.</summary>
    public string SubjectOf(object boundaryEvent) => _subject.GetValue(boundaryEvent)!.ToString()!;

    public override string ToString() => Type;
}

/// <summary>Every boundary event of the system, by wire name and by record.</summary>
public static class BoundaryEvents
{
    private static readonly FrozenDictionary<Type, BoundaryEventDescriptor> ByClrType = Discover().ToFrozenDictionary(e => e.ClrType);
    private static readonly FrozenDictionary<string, BoundaryEventDescriptor> ByWireName = ByClrType.Values.ToFrozenDictionary(e => e.Type);
    private static readonly FrozenDictionary<string, string> ByFamily =
        ByClrType.Values.DistinctBy(e => WireName.Family(e.Type)).ToFrozenDictionary(e => WireName.Family(e.Type), e => e.Publisher);

    /// <summary>Stands as the publisher of what every service says of itself.</summary>
    public const string EveryService = "platform";

    /// <summary>In the order of their names.</summary>
    public static IReadOnlyList<BoundaryEventDescriptor> All { get; } = [.. ByWireName.Values.OrderBy(e => e.Type, StringComparer.Ordinal)];

    /// <summary>The descriptor of a record, or null when the type is not a boundary event.</summary>
    public static BoundaryEventDescriptor? Find(Type clrType) => ByClrType.GetValueOrDefault(clrType);

    /// <summary>The descriptor for a wire name, or null when no such event is known to this version of the package.</summary>
    public static BoundaryEventDescriptor? Find(string type) => ByWireName.GetValueOrDefault(type);

    /// <summary>The events that a service may publish: its own, and those that every service publishes.</summary>
    public static IEnumerable<BoundaryEventDescriptor> PublishedBy(string service) => All.Where(e => e.Publisher == service || e.Publisher == EveryService);

    /// <summary>
    /// The service whose word an event is. All of one family, <c>shop.order.</c> for example, are one service's, also those that this version of the package does not know; of
    /// what every service says, and of families that are not known here, it is the service that the source names.
    /// </summary>
    /// <param name="type">The wire name.</param>
    /// <param name="source">The CloudEvents <c>source</c>.</param>
    /// <returns>Null when it is nobody's.</returns>
    public static string? OwnerOf(string type, string source) =>
        ByFamily.TryGetValue(WireName.Family(type), out var publisher) && publisher != EveryService ? publisher : CloudEventEnvelope.ServiceOf(source);

    private static IEnumerable<BoundaryEventDescriptor> Discover() =>
        from type in typeof(BoundaryEvents).Assembly.GetTypes()
        let attribute = type.GetCustomAttribute<BoundaryEventAttribute>()
        where attribute is not null
        select new BoundaryEventDescriptor(type, attribute);
}
