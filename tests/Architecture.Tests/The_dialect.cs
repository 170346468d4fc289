using System.Reflection;
using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>
/// One way of saying things in every service and in the chassis. What the compiler's analysers can hold stands in .editorconfig. ADR:
/// docs/adr/0035-one-dialect.md.
/// </summary>
public sealed partial class The_dialect
{
    private const int Width = 160;

    private static readonly string[] NamedByOthers = ["Handle", "Main", "InvokeAsync", "Consume"];

    private static readonly Lazy<IReadOnlyList<MethodInfo>> OurMethods = new(() => [.. Assemblies().SelectMany(a => a.GetTypes()).SelectMany(OwnMethods)]);

    [Fact]
    public void A_token_is_called_ct_unless_somebody_else_has_named_it()
    {
        OurMethods.Value.Count.ShouldBeGreaterThan(1000);
        OurMethods.Value.Where(
            m => m.GetParameters().Any(p => p.ParameterType == typeof(CancellationToken) && p.Name == "cancellationToken") && !IsNamedByOthers(m))
            .Select(Name).ShouldBeEmpty();
    }

    [Fact]
    public void What_gives_back_a_task_ends_in_Async() =>
        OurMethods.Value.Where(
            m => GivesTask(m)
                && !m.Name.EndsWith("Async", StringComparison.Ordinal)
                && !NamedByOthers.Contains(m.Name)
                && !IsNamedByOthers(m)
                && !IsEndpoint(m))
            .Select(Name).ShouldBeEmpty();

    [Fact]
    public void A_message_is_public()
    {
        var messages = (from type in Assemblies().SelectMany(a => a.GetTypes())
                        from taken in type.GetInterfaces().Concat(type.GetProperties().Select(p => p.PropertyType))
                        where taken.IsGenericType && taken.GetGenericTypeDefinition().FullName is "MassTransit.IConsumer`1" or "MassTransit.Event`1"
                        select taken.GetGenericArguments()[0]).Where(m => !m.IsGenericParameter).Distinct().ToList();
        messages.Count.ShouldBeGreaterThan(20);
        messages.Where(m => !m.IsVisible).ShouldBeEmpty("MassTransit takes the exchange of any other for one that goes with its process.");
    }

    [Fact]
    public void Values_go_to_SQL_one_way() =>
        Lines("chassis", "services", "deploy").Where(
            l => !l.Path.Contains("/tests/", StringComparison.Ordinal) && l.Path != "chassis/Data/Sql.cs" && OtherParameters().IsMatch(l.Text))
            .Select(l => $"{l.Path}:{l.Number} {l.Text.Trim()}").ShouldBeEmpty("Parameters.AddValue(value), or ExecuteAsync(sql, ct, values)");

    [Fact]
    public void No_code_asks_the_compiler_where_its_file_lies() =>
        Lines("chassis", "contracts", "deploy", "services", "tests", "tools").Where(l => l.Text.Contains("[CallerFile" + "Path", StringComparison.Ordinal))
            .Select(l => $"{l.Path}:{l.Number}").ShouldBeEmpty("With CI=true every path is /_/…; Chassis.Testing.Repository knows the root.");

    [Fact]
    public void Tests_are_sentences_that_begin_with_a_capital() =>
        OfTests().Where(l => char.IsLower(l.Name[0])).Select(l => $"{l.Path} {l.Name}").ShouldBeEmpty();

    [Fact]
    public void A_line_is_as_long_as_promised_unless_it_is_a_text() =>
        Lines("chassis", "contracts", "deploy", "services", "tests", "tools").Where(
            l => l.Text.Length > Width && !l.IsRaw && !l.Text.Contains('"', StringComparison.Ordinal))
            .Select(l => $"{l.Path}:{l.Number} has {l.Text.Length} columns").ShouldBeEmpty();

    private static string Name(MethodInfo method) => $"{method.DeclaringType!.FullName}.{method.Name}";

    private static bool GivesTask(MethodInfo method) =>
        typeof(Task).IsAssignableFrom(method.ReturnType) || method.ReturnType == typeof(ValueTask)
        || (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(ValueTask<>));

    // Called by the framework, by its route.
    private static bool IsEndpoint(MethodInfo method) =>
        method is { IsStatic: true, IsPrivate: true } && method.ReturnType.ToString().Contains("Microsoft.AspNetCore.Http.", StringComparison.Ordinal);

    private static bool IsNamedByOthers(MethodInfo method)
    {
        if (method.GetBaseDefinition() is var root && root != method && !IsOurs(root.DeclaringType!.Assembly))
        {
            return true;
        }

        var type = method.DeclaringType!;
        return !type.IsInterface && type.GetInterfaces().Where(i => !IsOurs(i.Assembly)).Any(i => type.GetInterfaceMap(i).TargetMethods.Contains(method));
    }

    private static IEnumerable<MethodInfo> OwnMethods(Type type) => IsWritten(type)
        ? type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(m => !m.IsSpecialName && IsWritten(m))
        : [];

    // Not what the compiler makes of lambdas, records and delegates.
    private static bool IsWritten(MemberInfo member) =>
        !member.Name.Contains('<', StringComparison.Ordinal) && (member as Type ?? member.DeclaringType) is { } type
        && !typeof(Delegate).IsAssignableFrom(type) && (type.DeclaringType is null || IsWritten(type.DeclaringType));

    private static bool IsOurs(Assembly assembly) => Repository.Product.Any(p => p.Assembly == assembly.GetName().Name);

    private static IEnumerable<Assembly> Assemblies()
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        foreach (var service in Repository.OfServices.Where(p => !p.Name.EndsWith(".Domain", StringComparison.Ordinal)))
        {
            var folder = Path.Combine(Repository.Root, service.Folder, "bin", output.Parent!.Name, output.Name);
            foreach (var part in Repository.Product.Where(p => p == service || (p.Service is null && service.Name == "Orders")))
            {
                yield return Assembly.LoadFrom(Path.Combine(folder, $"{part.Assembly}.dll"));
            }
        }
    }

    private static IEnumerable<(string Path, int Number, string Text, bool IsRaw)> Lines(params string[] folders)
    {
        foreach (var (path, lines) in folders.SelectMany(Repository.Sources))
        {
            var isRaw = false;
            foreach (var (index, line) in lines.Index())
            {
                var was = isRaw;
                isRaw ^= line.Split("\"\"\"").Length % 2 == 0;
                yield return (path, index + 1, line, was || isRaw);
            }
        }
    }

    private static IEnumerable<(string Path, string Name)> OfTests() =>
        from project in Repository.Projects
        where project.Name.EndsWith(".Tests", StringComparison.Ordinal)
        from source in Repository.Sources(project.Folder)
        from Match test in TestMethod().Matches(string.Join('\n', source.Lines))
        select (source.Path, test.Groups["name"].Value);

    [GeneratedRegex(@"AddWithValue\(|\.Parameters\.Add\(new ")]
    private static partial Regex OtherParameters();

    [GeneratedRegex(@"\[(Fact|Theory)[^\]]*\]\s*(\[[^\n]*\]\s*)*public (async )?(void|Task|ValueTask) (?<name>\w+)\(")]
    private static partial Regex TestMethod();
}
