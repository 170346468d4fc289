using System.Globalization;
using System.Net;
using Chassis.Testing;
using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of the operators' console, whatever happened to it and to those that it asks.</summary>
public static class OpenConsole
{
    /// <summary>Goes over all pages once more, now that everything is healed, and judges the visit.</summary>
    /// <param name="visitor">Who has looked at it meanwhile.</param>
    /// <param name="limit">How long each page has to be whole again.</param>
    public static async Task<Verdict> JudgeAsync(Visitor visitor, TimeSpan limit)
    {
        var broken = new List<string>();
        foreach (var path in Visitor.Pages)
        {
            Page? last = null;
            try
            {
                await Poll.UntilAsync(async () => IsWhole(last = await visitor.LookAsync(path)), $"{path} to be whole", limit);
            }
            catch (TimeoutException)
            {
                var how = last is null ? "nobody gets there" : string.Create(CultureInfo.InvariantCulture, $"{(int)last.Status}, {TroubleOf(last)}");
                broken.Add(string.Create(CultureInfo.InvariantCulture, $"{path} is not whole {limit.TotalSeconds:0} s later: {how}"));
            }
        }

        var answers = string.Join(
            ", ", visitor.Answers.OrderBy(a => a.Key).Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Value} × {a.Key}")));
        var slowest = visitor.Slowest is { } s
            ? string.Create(CultureInfo.InvariantCulture, $"{s.Took.TotalSeconds:0.0} s for {s.Address.AbsolutePath}")
            : "none";
        return new Verdict(
            "console",
            $"The console never fails, whoever is away, and shows everything again once all is healed ({answers}; slowest {slowest}; "
                + $"{visitor.SignIns} sign-ins, {visitor.Acts} acts; {visitor.Away} times somebody was not there)",
            visitor.Answers.Values.Sum(),
            [.. visitor.Failures, .. broken]);
    }

    private static bool IsWhole(Page? page) => page is { Status: HttpStatusCode.OK } && TroubleOf(page) is null;

    /// <summary>What a page says that it could not get; null when it is all there.</summary>
    private static string? TroubleOf(Page page) =>
        page.Html.IndexOf("class=\"trouble\"", StringComparison.Ordinal) is >= 0 and var at ? page.Html[at..Math.Min(page.Html.Length, at + 200)] : null;
}
