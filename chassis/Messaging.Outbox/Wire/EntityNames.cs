using System.Collections.Concurrent;
using System.Text;
using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging.Wire;

/// <summary>Exchange names: a boundary event's wire name; for everything else one that begins with the service's name and says nothing of .NET.</summary>
internal sealed class EntityNames(EventCatalogue catalogue, ServiceIdentity service) : IEntityNameFormatter
{
    private readonly ConcurrentDictionary<Type, string> _names = [];

    public string FormatEntityName<T>() => Format(typeof(T));

    /// <summary>The exchange to which messages of a type are published.</summary>
    public string Format(Type type) => _names.GetOrAdd(type, t => catalogue.Find(t)?.Type ?? $"{service.Name}.message.{Kebab(t)}");

    private static string Kebab(Type type)
    {
        var name = type.IsGenericType ? type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)] : type.Name;
        var text = new StringBuilder(name.Length + 8);
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        foreach (var argument in type.GetGenericArguments())
        {
            text.Append('.').Append(Kebab(argument));
        }

        return text.ToString();
    }
}
