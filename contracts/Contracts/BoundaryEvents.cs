using System.Collections.Frozen;
using System.Reflection;

namespace Shop.Contracts;

/// <summary>What the wire needs to know of one boundary event.</summary>
/// <param name="Type">The wire name, for example <c>shop.order.submitted.v1</c>.</param>
/// <param name="ClrType">The record.</param>
/// <param name="Deprecated">Whether new consumers should stay away from it.</param>
/// <param name="SubjectOf">Reads the subject, for example the order id, from an instance.</param>
public sealed record BoundaryEventDescriptor(string Type, Type ClrType, bool Deprecated, Func<object, string> SubjectOf);

/// <summary>Every boundary event of the system, by wire name and by record.</summary>
public static class BoundaryEvents
{
    private static readonly FrozenDictionary<Type, BoundaryEventDescriptor> ByClrType = Discover().ToFrozenDictionary(e => e.ClrType);
    private static readonly FrozenDictionary<string, BoundaryEventDescriptor> ByWireName = ByClrType.Values.ToFrozenDictionary(e => e.Type);

    public static IReadOnlyCollection<BoundaryEventDescriptor> All => ByWireName.Values;

    /// <summary>The descriptor of a record, or null when the type is not a boundary event.</summary>
    public static BoundaryEventDescriptor? Find(Type clrType) => ByClrType.GetValueOrDefault(clrType);

    /// <summary>The descriptor for a wire name, or null when no such event is known to this version of the package.</summary>
    public static BoundaryEventDescriptor? Find(string type) => ByWireName.GetValueOrDefault(type);

    private static IEnumerable<BoundaryEventDescriptor> Discover() =>
        from type in typeof(BoundaryEvents).Assembly.GetTypes()
        let attribute = type.GetCustomAttribute<BoundaryEventAttribute>()
        where attribute is not null
        let subject = type.GetProperty(attribute.Subject)
            ?? throw new InvalidOperationException($"{type.Name} names '{attribute.Subject}' as its subject and has no such property.")
        select new BoundaryEventDescriptor(attribute.Type, type, attribute.Deprecated, e => subject.GetValue(e)!.ToString()!);
}
