using System.Collections.Concurrent;

namespace Chassis.Testing;

/// <summary>
/// What there is when a test has waited in vain: where messages wait, what is put off until when, who holds a database, what a process said last and where it
/// stands. Whoever makes a database, a virtual host or a process says here how to look at it; <see cref="Poll"/> asks when it gives up.
/// </summary>
public static class Evidence
{
    private const int LinesEach = 30;

    private static readonly ConcurrentDictionary<object, Func<Task<IEnumerable<string>>>> Sources = new(ReferenceEqualityComparer.Instance);

    /// <param name="of">What it is about, until it is withdrawn.</param>
    /// <param name="look">Lines that say something; none where all is as it should be at rest.</param>
    public static void Offer(object of, Func<Task<IEnumerable<string>>> look) => Sources[of] = look;

    public static void Withdraw(object of) => Sources.TryRemove(of, out _);

    /// <summary>Everything that the test process has under its hands just now, those of tests beside included: they may be the reason.</summary>
    internal static async Task<string> GatherAsync()
    {
        var found = await Task.WhenAll(Sources.Values.Select(LookAsync));
        return string.Concat(found.SelectMany(lines => lines).Select(line => $"{Environment.NewLine}  {line}"));
    }

    private static async Task<IEnumerable<string>> LookAsync(Func<Task<IEnumerable<string>>> look)
    {
        try
        {
            return (await look().WaitAsync(TimeSpan.FromSeconds(30))).Take(LinesEach).ToList();
        }
        catch (Exception e)
        {
            // A server that does not answer is evidence, too; the failure of the test is the one to report.
            return [$"cannot be looked at: {e.Message}"];
        }
    }
}
