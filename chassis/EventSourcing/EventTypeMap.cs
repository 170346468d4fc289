using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chassis.EventSourcing;

/// <summary>How one event type is stored.</summary>
public sealed class EventType
{
    private readonly Dictionary<int, Func<JsonObject, JsonObject>> _upcasters = [];
    private readonly List<string> _personal = [];

    internal EventType(Type clrType, string name, int version) => (ClrType, Name, Version) = (clrType, name, version);

    public Type ClrType { get; }

    /// <summary>Name in the store. It survives every renaming of the record.</summary>
    public string Name { get; }

    /// <summary>Version that is written now.</summary>
    public int Version { get; }

    /// <summary>Properties (as they are called in JSON) that are stored encrypted under the key of the person whom they are about.</summary>
    public IReadOnlyList<string> PersonalProperties => _personal;

    internal bool MustUpcast(int version) => version < Version;

    /// <summary>Turns an event of an old version into one of the next when it is read. What is stored stays as it is.</summary>
    /// <param name="from">The old version; the result is of <paramref name="from"/> + 1.</param>
    /// <param name="upcaster">Gets the payload and may change it.</param>
    public EventType Upcast(int from, Func<JsonObject, JsonObject> upcaster)
    {
        if (from < 1 || from >= Version || !_upcasters.TryAdd(from, upcaster))
        {
            throw new InvalidOperationException($"{Name}: there is no room for an upcaster from version {from} (current: {Version}).");
        }

        return this;
    }

    /// <summary>Declares a property as personal data: it can be read as long as the person's key exists, and never again afterwards.</summary>
    /// <param name="property">Name of a nullable top-level property.</param>
    public EventType Personal(string property)
    {
        var clr = ClrType.GetProperty(property) ?? throw new InvalidOperationException($"{ClrType.Name} has no property {property}.");
        _personal.Add(JsonNamingPolicy.CamelCase.ConvertName(clr.Name));
        return this;
    }

    internal JsonObject Upcasted(JsonObject payload, int version)
    {
        for (; version < Version; version++)
        {
            payload = _upcasters[version](payload);
        }

        return payload;
    }

    internal void Verify()
    {
        for (var version = 1; version < Version; version++)
        {
            if (!_upcasters.ContainsKey(version))
            {
                throw new InvalidOperationException($"{Name}: events of version {version} could not be read, an upcaster is missing.");
            }
        }
    }
}

/// <summary>Which events there are: stored name and record, both ways, by an explicit entry for each.</summary>
public sealed class EventTypeMap
{
    private readonly FrozenDictionary<Type, EventType> _byType;
    private readonly FrozenDictionary<string, EventType> _byName;

    internal EventTypeMap(IReadOnlyCollection<EventType> types)
    {
        foreach (var type in types)
        {
            type.Verify();
        }

        _byType = types.ToFrozenDictionary(t => t.ClrType);
        _byName = types.ToFrozenDictionary(t => t.Name, StringComparer.Ordinal);
    }

    public IReadOnlyCollection<EventType> All => _byName.Values;

    /// <exception cref="InvalidOperationException">The record has no entry.</exception>
    public EventType Of(Type clrType) => _byType.GetValueOrDefault(clrType)
        ?? throw new InvalidOperationException($"{clrType.Name} has no stored name: add it to the event type map.");

    /// <exception cref="InvalidOperationException">Nothing of this name is known: the store was written by a newer version of the service.</exception>
    public EventType Of(string name) => _byName.GetValueOrDefault(name)
        ?? throw new InvalidOperationException($"The store holds an event '{name}' that this version does not know.");
}
