using System.Globalization;
using Shop.Chaos.Load;

namespace Shop.Chaos.Mutants;

/// <summary>A bug to plant: a patch whose first lines say what it breaks, which invariant must notice, and what has to happen for that.</summary>
/// <param name="Name">Name of the patch and value of the switch that turns the bug on.</param>
/// <param name="Breaks">What is wrong then, in words.</param>
/// <param name="CaughtBy">Key of the invariant that must be violated; of a bug that no run of the whole shows, the full name of the test that must fail.</param>
/// <param name="Settings">The run that exposes it; null when a test does.</param>
public sealed record Mutant(string Name, string Breaks, string CaughtBy, RunSettings? Settings)
{
    /// <summary>The variable that a service reads once, when it starts.</summary>
    public const string Switch = "MUTANT";

    /// <summary>Those in a folder, by name. A patch that says nothing of what it breaks carries what the others need, and is no mutant.</summary>
    public static IReadOnlyList<Mutant> AllIn(string folder, RunSettings common) =>
    [
        .. Directory.EnumerateFiles(folder, "*.patch").Order(StringComparer.Ordinal).Select(file => Read(file, common)).OfType<Mutant>(),
    ];

    private static Mutant? Read(string file, RunSettings common)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        var header = File.ReadLines(file)
            .TakeWhile(line => !line.StartsWith("diff ", StringComparison.Ordinal) && !line.StartsWith("--- ", StringComparison.Ordinal))
            .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .Where(parts => parts.Length == 2)
            .ToDictionary(parts => parts[0], parts => parts[1]);
        if (!header.TryGetValue("Breaks", out var breaks))
        {
            return null;
        }

        if (header.TryGetValue("Test", out var test))
        {
            return new Mutant(name, breaks, test, Settings: null);
        }

        var settings = RunSettings.Words(header.GetValueOrDefault("Settings")).Select(s => s.Split('=', 2)).ToDictionary(s => s[0], s => s[1]);
        settings[Switch] = name;
        var faults = RunSettings.Words(header.GetValueOrDefault("Faults"));
        return new Mutant(
            name,
            breaks,
            header.TryGetValue("Caught-by", out var catcher)
                ? catcher
                : throw new InvalidDataException($"{file} does not say by which invariant it is caught: Caught-by, or Test."),
            common with
            {
                Orders = Number("Orders", common.Orders),
                Seed = Number("Seed", common.Seed),
                Replicas = Number("Replicas", common.Replicas),
                Faults = faults.Length,
                FaultKinds = faults,
                OrderKinds = header.TryGetValue("Order-kinds", out var kinds) ? [.. RunSettings.Words(kinds).Select(Enum.Parse<OrderKind>)] : common.OrderKinds,
                ServiceSettings = settings,
            });

        int Number(string key, int otherwise) => header.TryGetValue(key, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }
}
