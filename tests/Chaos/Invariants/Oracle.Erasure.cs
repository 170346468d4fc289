using System.Buffers;
using System.Text;
using Chassis.Testing;
using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised to people who are erased, and to all others.</summary>
public sealed partial class Oracle
{
    /// <summary>
    /// Each person has a word in the address, the e-mail address and the name that nothing else has: no row of any table may have it, in text or in bytes.
    /// </summary>
    private async Task<Verdict> NothingOfTheErasedIsLeftAsync()
    {
        var (tables, violations) = (0, new List<string>());
        try
        {
            // What messages under way left behind is erased by the next look for it.
            await Poll.UntilAsync(
                async () =>
                {
                    (tables, violations) = await SearchAsync();
                    return violations.Count == 0;
                },
                "late traces to be erased",
                TimeSpan.FromSeconds(20));
        }
        catch (TimeoutException)
        {
            // What was found says it better.
        }

        if (_market.Erased.Count == 0 && _market.Placed.Count(o => o.Kind == OrderKind.OwnerErased) > 2)
        {
            violations.Add("nobody was erased, though several asked for it");
        }

        return new Verdict(
            "erased",
            $"Nothing is left of the {_market.Erased.Count} people who were erased: no word of theirs in any table of any service, dead letters and archives included",
            tables,
            violations);
    }

    private async Task<(int Tables, List<string> Found)> SearchAsync()
    {
        var (tables, found) = (0, new List<string>());

        // A row as text has bytes in hexadecimal digits. Looked for here, all at once: a regular expression of hundreds of words takes the database minutes.
        var words = SearchValues.Create(
            [.. _market.Erased.SelectMany(p => new[] { p.Marker, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(p.Marker)) })], StringComparison.Ordinal);
        foreach (var service in ServiceNames.Where(_ => _market.Erased.Count > 0))
        {
            foreach (var table in await _stage.RowsAsync(
                service,
                """
                SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_t%'
                """,
                r => r.GetString(0)))
            {
                tables++;
                var rows = await _stage.RowsAsync(service, $"SELECT t::text FROM {table} t", r => Trace(r.GetString(0)));
                found.AddRange(rows.OfType<string>().Select(trace => $"{service}, {table}: {trace}"));
            }
        }

        return (tables, found);

        string? Trace(string row) => row.AsSpan().IndexOfAny(words) is var at and >= 0
            ? $"{row[Math.Max(0, at - 80)..Math.Min(row.Length, at + 80)]} in {row[..Math.Min(row.Length, 120)]}"
            : null;
    }

    /// <summary>Dead letters about others are what was put in, byte for byte, also where they have the words of a person who was erased.</summary>
    private async Task<Verdict> NothingOfOthersIsErasedAsync()
    {
        var others = _stage.Poison.Planted.Where(p => p.About is not { } person || !_market.Leaving.Contains(person)).ToDictionary(
            p => p.Id, p => Convert.ToHexStringLower(p.Body));
        var violations = new List<string>();
        foreach (var service in ServiceNames)
        {
            foreach (var (id, queue, body, status) in await _stage.RowsAsync(
                service,
                "SELECT message_id, queue, encode(body, 'hex'), status FROM messaging.dead_letters",
                r => (r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3))))
            {
                if (others.TryGetValue(id, out var expected) && (body != expected || status != "open"))
                {
                    violations.Add($"{id} in {queue} is about nobody who was erased, and is {status} and {(body == expected ? "whole" : "changed")}");
                }
            }
        }

        return new Verdict(
            "bystanders",
            "An erasure changes nothing of anybody else: dead letters about others are whole, whatever words are in them",
            others.Count,
            violations);
    }
}
