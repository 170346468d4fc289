using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Services.Generator;

/// <summary>Something that a service may log, as a <c>[LoggerMessage]</c> of the source declares it.</summary>
/// <param name="Source">File and line of the declaration.</param>
/// <param name="Owner">Whose range the id is from: <c>chassis/Data</c>, or <c>services/orders</c> for all projects of the service.</param>
/// <param name="Type">Where it is logged: the last part of the category, as a rule.</param>
/// <param name="Problem">What it lacks, or cannot be read without running the program; null where nothing.</param>
public sealed record LoggedEvent(string Source, string Owner, string Type, int Id, string Name, string Level, string Message, string? Problem);

/// <summary>Reads what the product logs in its C# sources, and knows which ids are whose.</summary>
public static class LoggedEvents
{
    private const int Size = 1000;
    private const int FirstOfServices = 4000;

    // A service's thousand begins where its manifest says.
    private static readonly Dictionary<string, (int First, int Last)> OfChassis = new()
    {
        ["chassis/Data"] = (1000, 1099),
        ["chassis/Web"] = (1100, 1899),
        ["chassis/Redis"] = (1900, 1999),
        ["chassis/Messaging.Outbox"] = (2000, 2099),
        ["chassis/Messaging"] = (2100, 2999),
        ["chassis/EventSourcing"] = (3000, 3999),
    };

    /// <summary>From which id to which, by owner.</summary>
    /// <exception cref="InvalidDataException">A manifest names no thousand of its own.</exception>
    public static IReadOnlyDictionary<string, (int First, int Last)> Ranges(IReadOnlyList<Service> services)
    {
        var odd = services.FirstOrDefault(s => s.EventIds < FirstOfServices || s.EventIds % Size != 0);
        return odd is null
            ? OfChassis.Concat(services.Select(s => KeyValuePair.Create($"services/{s.Name}", (s.EventIds, s.EventIds + Size - 1))))
                .OrderBy(r => r.Value.Item1).ToDictionary()
            : throw new InvalidDataException($"{odd.Name}: eventIds is a thousand from {FirstOfServices} on, and not {odd.EventIds}.");
    }

    /// <summary>The thousand of one more service.</summary>
    public static int Next(IReadOnlyList<Service> services) => services.Max(s => s.EventIds) + Size;

    /// <summary>Those of the product, chassis and services.</summary>
    /// <param name="root">Of the repository.</param>
    public static IEnumerable<LoggedEvent> In(string root) => ProductSources.In(root).SelectMany(file => In(file.Path, file.Root));

    /// <summary>Those of one file.</summary>
    /// <param name="path">Below the root of the repository.</param>
    public static IEnumerable<LoggedEvent> In(string path, SyntaxNode root) =>
        from node in root.DescendantNodes()
        let found = node switch
        {
            AttributeSyntax attribute when attribute.Name.ToString() is "LoggerMessage" or "LoggerMessageAttribute" => Read(path, attribute),
            InvocationExpressionSyntax call when IsByHand(call) => At(path, call, 0, "", "", "", "is logged without a [LoggerMessage]"),
            _ => null,
        }
        where found is not null
        select found;

    // LoggerMessage.Define, or ILogger.Log itself; its extensions are looked for in what is compiled.
    private static bool IsByHand(InvocationExpressionSyntax call) => call.Expression is MemberAccessExpressionSyntax member
        && (member is { Expression: IdentifierNameSyntax { Identifier.Text: "LoggerMessage" } }
            || (member.Name.Identifier.Text == "Log" && call.ArgumentList.Arguments.Count > 3));

    private static LoggedEvent Read(string path, AttributeSyntax attribute)
    {
        // Positions are those of the constructor (eventId, level, message).
        string[] positions = ["EventId", "Level", "Message"];
        var given = (attribute.ArgumentList?.Arguments ?? []).Select((a, index) => (
            Name: a.NameEquals?.Name.Identifier.Text ?? Capital(a.NameColon?.Name.Identifier.Text) ?? positions[index], a.Expression))
            .ToDictionary(a => a.Name, a => a.Expression);
        var id = given.GetValueOrDefault("EventId") is LiteralExpressionSyntax { Token.Value: int number } ? number : 0;
        var level = given.GetValueOrDefault("Level") is MemberAccessExpressionSyntax member ? member.Name.Identifier.Text : "";
        var (name, message) = (Text(given.GetValueOrDefault("EventName")), Text(given.GetValueOrDefault("Message")));
        var problem = id == 0 ? "has no id" : level.Length == 0 ? "has no level" : message.Length == 0 ? "has no message" : name.Length == 0 ? "has no name" : null;
        return At(path, attribute, id, name, level, message, problem);
    }

    private static LoggedEvent At(string path, SyntaxNode node, int id, string name, string level, string message, string? problem) => new(
        $"{path}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}",
        string.Join('/', path.Split('/')[..2]),
        node.Ancestors().OfType<TypeDeclarationSyntax>().First().Identifier.Text,
        id,
        name,
        level,
        message,
        problem);

    private static string Text(ExpressionSyntax? value) =>
        value is LiteralExpressionSyntax literal && literal.IsKind(SyntaxKind.StringLiteralExpression) ? literal.Token.ValueText : "";

    private static string? Capital(string? name) => name is null ? null : char.ToUpper(name[0], CultureInfo.InvariantCulture) + name[1..];
}
