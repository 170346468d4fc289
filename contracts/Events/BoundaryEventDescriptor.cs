using System.Reflection;

namespace Contracts.Events;

/// <summary>What the wire needs to know of one boundary event.</summary>
public sealed class BoundaryEventDescriptor
{
    private readonly PropertyInfo _subject;
    private readonly Lazy<ContractShape> _shape;

    internal BoundaryEventDescriptor(Type clrType, BoundaryEventAttribute attribute, string eventNamespace)
    {
        Type = attribute.TypeIn(eventNamespace);
        ClrType = clrType;
        Deprecated = attribute.Deprecated;
        Version = WireName.MajorVersion(Type);
        DataSchema = $"urn:{eventNamespace}:schema:{Type}";
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

    /// <summary>The service that publishes it, or <see cref="EventCatalogue.EveryService"/>.</summary>
    public string Publisher { get; }

    /// <summary>Whether new consumers should stay away from it.</summary>
    public bool Deprecated { get; }

    /// <summary>The CloudEvents <c>dataschema</c> and the <c>$id</c> of the JSON Schema. A name, not an address: nothing on the wire names a host.</summary>
    public string DataSchema { get; }

    /// <summary>What the record looks like as JSON, for the inbound check.</summary>
    public ContractShape Shape => _shape.Value;

    /// <summary>Reads the subject, for example the order id, from an instance.</summary>
    public string SubjectOf(object boundaryEvent) => _subject.GetValue(boundaryEvent)!.ToString()!;

    public override string ToString() => Type;
}
