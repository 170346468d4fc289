using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Services.Generator;

/// <summary>An instrument as the source declares it.</summary>
/// <param name="Source">File and line of the declaration.</param>
/// <param name="Service">The service that has it; null for one of the chassis.</param>
/// <param name="Kind">counter, histogram, gauge …</param>
/// <param name="Labels">The tags that come with its values.</param>
/// <param name="HasBuckets">Whether a histogram says where its boundaries are.</param>
/// <param name="Problem">What cannot be read without running the program; null where everything can.</param>
public sealed record Instrument(
    string Source, string? Service, string Meter, string Name, string Kind, string? Unit, string? Description, IReadOnlyList<string> Labels, bool HasBuckets,
    string? Problem);

/// <summary>Reads the instruments of <c>System.Diagnostics.Metrics</c> in C# sources.</summary>
public static class DeclaredInstruments
{
    /// <summary>Stands, among the exported meters, for the one that is called as the service.</summary>
    public const string OwnName = "<service>";

    private static readonly Dictionary<string, string> Kinds = new()
    {
        ["CreateCounter"] = "counter",
        ["CreateUpDownCounter"] = "up-down counter",
        ["CreateHistogram"] = "histogram",
        ["CreateGauge"] = "gauge",
        ["CreateObservableCounter"] = "counter",
        ["CreateObservableUpDownCounter"] = "up-down counter",
        ["CreateObservableGauge"] = "gauge",
    };

    /// <summary>Those of the product, chassis and services.</summary>
    /// <param name="root">Of the repository.</param>
    public static IEnumerable<Instrument> In(string root)
    {
        var files = ProductSources.In(root).ToList();
        var constants = files.SelectMany(f => Constants(f.Root)).GroupBy(c => c.Name).ToDictionary(g => g.Key, g => g.First().Value);
        return from file in files
               from call in file.Root.DescendantNodes().OfType<InvocationExpressionSyntax>()
               where call.Expression is MemberAccessExpressionSyntax member && Kinds.ContainsKey(member.Name.Identifier.Text)
               select Read(file.Path, call, constants);
    }

    /// <summary>The patterns that the file gives to <c>AddMeter</c>.</summary>
    public static IReadOnlyList<string> ExportedMeters(string file) =>
        [.. CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantNodes().OfType<InvocationExpressionSyntax>()
            .Where(call => call.Expression is MemberAccessExpressionSyntax { Name.Identifier.Text: "AddMeter" })
            .SelectMany(call => call.ArgumentList.Arguments)
            .Select(a => a.Expression is LiteralExpressionSyntax literal ? literal.Token.ValueText : OwnName)];

    private static Instrument Read(string path, InvocationExpressionSyntax call, Dictionary<string, string> constants)
    {
        var member = (MemberAccessExpressionSyntax)call.Expression;
        var method = member.Name.Identifier.Text;
        var isObservable = method.StartsWith("CreateObservable", StringComparison.Ordinal);
        string[] parameters = isObservable ? ["name", "observed", "unit", "description", "tags"] : ["name", "unit", "description", "tags", "advice"];
        var given = call.ArgumentList.Arguments.Select((a, index) => (Name: a.NameColon?.Name.Identifier.Text ?? parameters[index], a.Expression))
            .ToDictionary(a => a.Name, a => a.Expression);
        var owner = call.Ancestors().OfType<TypeDeclarationSyntax>().First();
        string? Text(string parameter) => given.TryGetValue(parameter, out var value) ? Constant(value, owner, constants) : null;

        var meter = MeterOf(member.Expression.ToString(), owner) is { } named ? Constant(named, owner, constants) : null;
        var labels = isObservable ? LabelsOfObserved(call, owner) : LabelsOfMeasured(call, owner);
        var problem = meter is null ? $"the name of the meter {member.Expression}" : Text("name") is null ? "the name" : null;
        return new Instrument(
            $"{path}:{call.GetLocation().GetLineSpan().StartLinePosition.Line + 1}",
            path.Split('/') is ["services", var service, ..] ? service : null,
            meter ?? "",
            Text("name") ?? "",
            Kinds[method],
            Text("unit"),
            Text("description"),
            [.. labels.Distinct()],
            given.ContainsKey("advice"),
            problem);
    }

    /// <summary>What a variable of this name is made with: <c>meters.Create(…)</c> or <c>new(…)</c>.</summary>
    private static ExpressionSyntax? MeterOf(string variable, TypeDeclarationSyntax owner) => Made(owner).Where(m => m.Name == variable)
        .Select(m => m.Value switch
    {
        InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.Text: "Create" }, ArgumentList.Arguments: [var name, ..] }
            => name.Expression,
        BaseObjectCreationExpressionSyntax { ArgumentList.Arguments: [var name, ..] } => name.Expression,
        _ => null,
    }).FirstOrDefault(name => name is not null);

    private static IEnumerable<string> LabelsOfMeasured(InvocationExpressionSyntax creation, TypeDeclarationSyntax owner) =>
        from made in Made(owner)
        where made.Value == creation
        from use in owner.DescendantNodes().OfType<InvocationExpressionSyntax>()
        where use.Expression is MemberAccessExpressionSyntax { Name.Identifier.Text: "Add" or "Record" } member && member.Expression.ToString() == made.Name
        let method = use.Ancestors().OfType<BaseMethodDeclarationSyntax>().First()
        from part in use.ArgumentList.Arguments.SelectMany(a => OfLocal(method, a.Expression.ToString()).Append(a))
        from label in Labels(part)
        select label;

    // What a local is made with, and what is added to it.
    private static IEnumerable<SyntaxNode> OfLocal(SyntaxNode method, string name) => method.DescendantNodes().Where(
        n => (n is VariableDeclaratorSyntax local && local.Identifier.Text == name) || AddsTo(n) == name);

    private static string? AddsTo(SyntaxNode? node) =>
        node is InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.Text: "Add" } add } ? add.Expression.ToString() : null;

    // The callback, and the methods of the type that it calls.
    private static IEnumerable<string> LabelsOfObserved(InvocationExpressionSyntax creation, TypeDeclarationSyntax owner)
    {
        var calls = creation.DescendantNodes().OfType<InvocationExpressionSyntax>();
        var called = calls.Select(i => (i.Expression as IdentifierNameSyntax)?.Identifier.Text).ToHashSet();
        return owner.Members.OfType<MethodDeclarationSyntax>().Where(m => called.Contains(m.Identifier.Text))
            .Prepend<SyntaxNode>(creation.ArgumentList.Arguments[1]).SelectMany(Labels);
    }

    // A literal that is the first thing given to a pair or to what adds one, or is given to a method of the type itself that makes one.
    private static IEnumerable<string> Labels(SyntaxNode part) =>
        from literal in part.DescendantNodes().OfType<LiteralExpressionSyntax>()
        where literal.IsKind(SyntaxKind.StringLiteralExpression)
        where literal.Parent is InitializerExpressionSyntax { RawKind: (int)SyntaxKind.ComplexElementInitializerExpression } pair
                && pair.Expressions[0] == literal
            || literal.Parent is ArgumentSyntax { Parent: ArgumentListSyntax list } argument
                && (list.Parent is BaseObjectCreationExpressionSyntax ? list.Arguments[0] == argument
                    : list.Parent is InvocationExpressionSyntax { Expression: IdentifierNameSyntax }
                        || (list.Arguments[0] == argument && AddsTo(list.Parent) is not null))
        select literal.Token.ValueText;

    private static IEnumerable<(string Name, ExpressionSyntax Value)> Made(TypeDeclarationSyntax owner) =>
        owner.DescendantNodes().OfType<VariableDeclaratorSyntax>()
            .Where(v => v.Initializer is not null)
            .Select(v => (v.Identifier.Text, v.Initializer!.Value))
            .Concat(owner.DescendantNodes().OfType<AssignmentExpressionSyntax>().Select(a => (a.Left.ToString(), a.Right)));

    private static IEnumerable<(string Name, string Value)> Constants(SyntaxNode root) =>
        from field in root.DescendantNodes().OfType<FieldDeclarationSyntax>()
        where field.Modifiers.Any(SyntaxKind.ConstKeyword)
        from variable in field.Declaration.Variables
        let literal = variable.Initializer?.Value as LiteralExpressionSyntax
        where literal.IsKind(SyntaxKind.StringLiteralExpression)
        select ($"{((TypeDeclarationSyntax)field.Parent!).Identifier.Text}.{variable.Identifier.Text}", literal.Token.ValueText);

    private static string? Constant(ExpressionSyntax value, TypeDeclarationSyntax owner, Dictionary<string, string> constants) => value switch
    {
        LiteralExpressionSyntax literal when literal.IsKind(SyntaxKind.StringLiteralExpression) => literal.Token.ValueText,
        IdentifierNameSyntax name => constants.GetValueOrDefault($"{owner.Identifier.Text}.{name}"),
        _ => constants.GetValueOrDefault(value.ToString()),
    };
}
