using System.Reflection;
using Chassis.EventSourcing;
using Orders.Domain;

namespace Orders.Tests;

/// <summary>Values of any record of the domain, made by its constructor, and the texts that there are in one.</summary>
internal static class Sample
{
    private static readonly NullabilityInfoContext Nullability = new();

    public static IEnumerable<Type> Events => typeof(OrderEvent).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(OrderEvent)));

    /// <summary>With every member filled.</summary>
    public static T Of<T>() => (T)Of(typeof(T));

    /// <summary>With every member filled.</summary>
    public static object Of(Type type) =>
        type == typeof(string) ? "text"
        : type == typeof(int) ? 1
        : type == typeof(Money) ? new Money(1, "EUR")
        : Nullable.GetUnderlyingType(type) is { } value ? Of(value)
        : type.IsValueType ? Activator.CreateInstance(type)!
        : type.IsGenericType ? List(type.GetGenericArguments()[0])
        : type.GetConstructors()[0] is var constructor ? constructor.Invoke([.. constructor.GetParameters().Select(p => Of(p.ParameterType))])
        : throw new NotSupportedException($"{type}: nobody has said what one looks like.");

    /// <summary>Members of a record that are or hold text which somebody may have written; codes of currencies are none.</summary>
    public static IEnumerable<PropertyInfo> Texts(Type record) => record.GetProperties().Where(p => p.GetIndexParameters().Length == 0 && IsText(p.PropertyType));

    public static bool IsOptional(PropertyInfo member) => Nullability.Create(member).ReadState == NullabilityState.Nullable;

    public static EventTypeMap StoredNames { get; } = Names();

    private static bool IsText(Type type) =>
        type == typeof(string)
        || (type.IsGenericType && IsText(type.GetGenericArguments()[0]))
        || (type.Assembly == typeof(OrderEvent).Assembly && type.IsClass && type != typeof(Money) && Texts(type).Any());

    private static Array List(Type of)
    {
        var list = Array.CreateInstance(of, 1);
        list.SetValue(Of(of), 0);
        return list;
    }

    private static EventTypeMap Names()
    {
        var services = new Microsoft.Extensions.DependencyInjection.ServiceCollection();
        services.AddEventSourcing(OrderEventTypes.Configure);
        return (EventTypeMap)services.Single(s => s.ServiceType == typeof(EventTypeMap)).ImplementationInstance!;
    }
}
