using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>
/// What operators may do is named in the code of each service, in the roles that the users service knows without being told, and on one page.
/// </summary>
public sealed partial class The_permissions
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs/how-to/give-roles.md"));

    /// <summary>By the name that the code has for them. A name that two services have would be told apart nowhere.</summary>
    private static readonly Dictionary<string, string> Constants = new[] { "chassis", "services" }
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*Permissions.cs", SearchOption.AllDirectories))
        .SelectMany(path => Constant().Matches(File.ReadAllText(path)).Select(m => (m.Groups[1].Value, m.Groups[2].Value)))
        .ToDictionary(StringComparer.Ordinal);

    [Fact]
    public void Stand_on_the_page_and_no_others() =>
        Row()
            .Matches(Page)
            .Select(m => m.Groups[1].Value)
            .Where(name => name.Contains('.', StringComparison.Ordinal))
            .ShouldBe(Constants.Values, ignoreOrder: true);

    [Fact]
    public void Of_the_usual_roles_exist_and_stand_on_the_page()
    {
        var code = Constants.Aggregate(
            File.ReadAllText(Path.Combine(Repository.Root, "services/users/Users/Persistence/OperatorRoles.cs")),
            (text, c) => text.Replace($"Permissions.{c.Key}", $"\"{c.Value}\"", StringComparison.Ordinal));
        var roles = Bundle().Matches(code).ToDictionary(
            m => m.Groups[1].Value, m => Quoted().Matches(m.Groups[2].Value).Select(p => p.Groups[1].Value).ToList());

        roles.Count.ShouldBe(5);
        roles.Values.SelectMany(p => p).Except(Constants.Values).ShouldBeEmpty("a permission that no endpoint takes");
        foreach (var (role, permissions) in roles)
        {
            Page.ShouldContain($"| `{role}` | {string.Join(", ", permissions.Select(p => $"`{p}`"))} |");
        }
    }

    [GeneratedRegex("public const string (\\w+) = \"([a-z.-]+)\";")]
    private static partial Regex Constant();

    [GeneratedRegex(@"^\| `([a-z.-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("\\[\"([a-z-]+)\"\\] = \\[([^\\]]+)\\]")]
    private static partial Regex Bundle();

    [GeneratedRegex("\"([a-z.-]+)\"")]
    private static partial Regex Quoted();
}
