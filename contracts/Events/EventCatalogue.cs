using System.Collections.Frozen;
using System.Reflection;

namespace Contracts.Events;

/// <summary>Every boundary event and command of one system, found in the assembly of its contracts.</summary>
public sealed class EventCatalogue
{
    /// <summary>Stands as the publisher of what every service says of itself.</summary>
    public const string EveryService = "platform";

    private readonly FrozenDictionary<Type, BoundaryEventDescriptor> _byClrType;
    private readonly FrozenDictionary<string, BoundaryEventDescriptor> _byWireName;
    private readonly FrozenDictionary<string, string> _publisherOfFamily;
    private readonly string _sourcePrefix;

    private EventCatalogue(Assembly contracts, string eventNamespace)
    {
        Contracts = contracts;
        Namespace = eventNamespace;
        Exchanges = new EventExchanges(eventNamespace);
        _sourcePrefix = $"urn:{eventNamespace}:service:";
        _byClrType = Discover(contracts, eventNamespace).ToFrozenDictionary(e => e.ClrType);
        _byWireName = _byClrType.Values.ToFrozenDictionary(e => e.Type);
        _publisherOfFamily = _byClrType.Values.DistinctBy(e => WireName.Family(e.Type)).ToFrozenDictionary(e => WireName.Family(e.Type), e => e.Publisher);
        All = [.. _byWireName.Values.OrderBy(e => e.Type, StringComparer.Ordinal)];
        Senders = (from type in contracts.GetTypes()
                   let attribute = type.GetCustomAttribute<SentByAttribute>()
                   where attribute is not null
                   select (type, attribute.Services)).ToFrozenDictionary(c => c.type, c => c.Services);
    }

    /// <summary>The word with which the system's names begin, for example <c>shop</c>.</summary>
    public string Namespace { get; }

    /// <summary>The system's well-known exchanges.</summary>
    public EventExchanges Exchanges { get; }

    /// <summary>The assembly of its contracts.</summary>
    public Assembly Contracts { get; }

    /// <summary>Every boundary event, in the order of their names.</summary>
    public IReadOnlyList<BoundaryEventDescriptor> All { get; }

    /// <summary>Who may send each command that one service sends to another, by record.</summary>
    public IReadOnlyDictionary<Type, IReadOnlyList<string>> Senders { get; }

    /// <summary>Everything that an assembly holds, and what every service says of itself.</summary>
    /// <param name="contracts">An assembly with <see cref="EventNamespaceAttribute"/>.</param>
    /// <exception cref="ArgumentException">It has none, or an event whose name does not begin with that word.</exception>
    public static EventCatalogue From(Assembly contracts)
    {
        ArgumentNullException.ThrowIfNull(contracts);
        return contracts.GetCustomAttribute<EventNamespaceAttribute>() is { } system
            ? new EventCatalogue(contracts, system.Name)
            : throw new ArgumentException(
                $"{contracts.GetName().Name} does not say with which word its names begin: it has no [assembly: EventNamespace].", nameof(contracts));
    }

    /// <summary>The descriptor of a record, or null when the type is not a boundary event.</summary>
    public BoundaryEventDescriptor? Find(Type clrType) => _byClrType.GetValueOrDefault(clrType);

    /// <summary>The descriptor for a wire name, or null when no such event is known to this version of the contracts.</summary>
    public BoundaryEventDescriptor? Find(string type) => _byWireName.GetValueOrDefault(type);

    /// <summary>The events that a service may publish: its own, and those that every service publishes.</summary>
    public IEnumerable<BoundaryEventDescriptor> PublishedBy(string service) => All.Where(e => e.Publisher == service || e.Publisher == EveryService);

    /// <summary>
    /// The service whose word an event is. All of one family, <c>shop.order.</c> for example, are one service's, also those that this version of the contracts
    /// does not know; of what every service says, and of families that are not known here, it is the service that the source names.
    /// </summary>
    /// <param name="type">The wire name.</param>
    /// <param name="source">The CloudEvents <c>source</c>.</param>
    /// <returns>Null when it is nobody's.</returns>
    public string? OwnerOf(string type, string source) =>
        _publisherOfFamily.TryGetValue(WireName.Family(type), out var publisher) && publisher != EveryService ? publisher : ServiceOf(source);

    /// <summary>The <c>source</c> of everything that a service publishes; a name, not an address.</summary>
    public string SourceOf(string service) => _sourcePrefix + service;

    /// <summary>The service that a source names, or null when it names none.</summary>
    public string? ServiceOf(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return source.StartsWith(_sourcePrefix, StringComparison.Ordinal) ? source[_sourcePrefix.Length..] : null;
    }

    private static IEnumerable<BoundaryEventDescriptor> Discover(Assembly contracts, string eventNamespace) =>
        from type in contracts.GetTypes().Concat(typeof(EventCatalogue).Assembly.GetTypes())
        let attribute = type.GetCustomAttribute<BoundaryEventAttribute>()
        where attribute is not null
        select attribute.TypeIn(eventNamespace).StartsWith(eventNamespace + ".", StringComparison.Ordinal)
            ? new BoundaryEventDescriptor(type, attribute, eventNamespace)
            : throw new ArgumentException($"{attribute.Type} is not in the namespace '{eventNamespace}' of {contracts.GetName().Name}.", nameof(contracts));
}
