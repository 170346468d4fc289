using System.Text.RegularExpressions;

namespace Services.Generator;

/// <summary>A new service, made from <c>templates/service</c>: a tree as the repository's, of a service called guestbook.</summary>
public sealed partial class Template(string root)
{
    private const string Name = "guestbook";

    // Parts of the system, of the broker's names or of the template's code that a service could be mistaken for.
    private static readonly string[] Taken =
    [
        "shop", "system", "platform", "contracts", "chassis", "services", "partner", "amq", "postgres", "rabbitmq", "mail", "certificates", "provision", "demo",
        "note", "notes", "events", "microsoft", "masstransit", "testing", "template",
    ];

    /// <summary>Writes its files. What follows from them in files of others is written by <see cref="Generated"/> and by the generator of the contracts.</summary>
    /// <returns>Their paths below the root.</returns>
    /// <exception cref="InvalidDataException">The name is not one for a service, or there is something of that name.</exception>
    public IReadOnlyList<string> Write(string name)
    {
        var services = Service.Of(root);
        if (!ServiceName().IsMatch(name))
        {
            throw new InvalidDataException($"'{name}' is not a name for a service: 3 to 30 lower-case letters, such as loyalty.");
        }

        if (Taken.Contains(name) || services.Any(s => s.Name == name || s.Publishes.Contains(name)))
        {
            throw new InvalidDataException($"The name {name} is taken: by a service, by what one publishes about, or by a part of the system.");
        }

        var template = Path.Combine(root, "templates", "service");
        var (port, eventIds) = (services.Max(s => s.Port) + 1, LoggedEvents.Next(services));
        var files = Directory.GetFiles(template, "*", SearchOption.AllDirectories).ToDictionary(
            f => Renamed(Path.GetRelativePath(template, f).Replace('\\', '/'), name),
            f => Renamed(File.ReadAllText(f), name).Replace("8086", $"{port}", StringComparison.Ordinal)
                .Replace("\"eventIds\": 9000", $"\"eventIds\": {eventIds}", StringComparison.Ordinal));
        if (files.Keys.FirstOrDefault(f => File.Exists(Path.Combine(root, f))) is { } there)
        {
            throw new InvalidDataException($"{there} is there already.");
        }

        foreach (var (path, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, path))!);
            File.WriteAllText(Path.Combine(root, path), text);
        }

        return [.. files.Keys.Order(StringComparer.Ordinal)];
    }

    private static string Renamed(string text, string name) => text
        .Replace(Name, name, StringComparison.Ordinal)
        .Replace(Capital(Name), Capital(name), StringComparison.Ordinal)
        .Replace(Name.ToUpperInvariant(), name.ToUpperInvariant(), StringComparison.Ordinal);

    private static string Capital(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    [GeneratedRegex("^[a-z]{3,30}$")]
    private static partial Regex ServiceName();
}
