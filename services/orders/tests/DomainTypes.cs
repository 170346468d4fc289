using System.Reflection;
using Chassis.EventSourcing;
using Orders.Domain;

namespace Orders.Tests;

/// <summary>What there is in the domain, read from its types: events, their stored names, and the texts in a record.</summary>
internal static class DomainTypes
{
    private static readonly NullabilityInfoContext Nullability = new();

    public static IEnumerable<Type> Events => typeof(OrderEvent).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(OrderEvent)));

    /// <summary>Members of a record that are or hold text which somebody may have written; codes of currencies are none.</summary>
    public static IEnumerable<PropertyInfo> Texts(Type record) => record.GetProperties().Where(p => IsText(p.PropertyType));

    public static bool IsOptional(PropertyInfo member) => Nullability.Create(member).ReadState == NullabilityState.Nullable;

    public static EventTypeMap StoredNames { get; } = Names();

    private static bool IsText(Type type) =>
        type == typeof(string)
        || (type.IsGenericType && IsText(type.GetGenericArguments()[0]))
        || (type.Assembly == typeof(OrderEvent).Assembly && type.IsClass && type != typeof(Money) && Texts(type).Any());

    private static EventTypeMap Names()
    {
        var services = new Microsoft.Extensions.DependencyInjection.ServiceCollection();
        services.AddEventSourcing(OrderEventTypes.Configure);
        return (EventTypeMap)services.Single(s => s.ServiceType == typeof(EventTypeMap)).ImplementationInstance!;
    }
}
