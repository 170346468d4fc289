using System.Reflection;

namespace Shop.Contracts;

/// <summary>Every command that one service sends to another.</summary>
public static class Commands
{
    /// <summary>Who may send each, by record.</summary>
    public static IReadOnlyDictionary<Type, IReadOnlyList<string>> All { get; } =
        (from type in typeof(Commands).Assembly.GetTypes()
         let attribute = type.GetCustomAttribute<SentByAttribute>()
         where attribute is not null
         select (type, attribute.Services)).ToDictionary(c => c.type, c => c.Services);
}
