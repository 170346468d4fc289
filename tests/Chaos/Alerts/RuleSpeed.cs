using System.Globalization;
using System.Text.RegularExpressions;

namespace Shop.Chaos.Alerts;

/// <summary>
/// Makes the time of Prometheus' rules go faster, for a run in which an alert cannot take its minutes: what an alert waits for, the windows of its expression,
/// and the ages that it compares with. Numbers that are no time stay as they are.
/// </summary>
/// <remarks>It works on the text, so that what is scaled is in every other way what was written and tested.</remarks>
public static partial class RuleSpeed
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    /// <summary>The rules with every time divided by a factor; none below a second, which is how often such a run looks.</summary>
    /// <param name="rules">Text of a file of rules.</param>
    /// <param name="factor">How many times as fast; 1 or more.</param>
    public static string Scale(string rules, double factor)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        return Seconds().Replace(Durations().Replace(rules, m => Duration(m.Value)), m => Number(m.Value));

        string Duration(string text)
        {
            var scaled = Scaled(Parts().Matches(text).Aggregate(
                TimeSpan.Zero, (sum, part) => sum + Of(part.Groups[2].Value) * double.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture)));
            return string.Create(CultureInfo.InvariantCulture, $"{scaled.TotalMilliseconds:0}ms");
        }

        string Number(string text) =>
            Scaled(TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture))).TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

        TimeSpan Scaled(TimeSpan time) => time / factor < Shortest ? (time < Shortest ? time : Shortest) : time / factor;
    }

    private static TimeSpan Of(string unit) => unit switch
    {
        "ms" => TimeSpan.FromMilliseconds(1),
        "s" => TimeSpan.FromSeconds(1),
        "m" => TimeSpan.FromMinutes(1),
        "h" => TimeSpan.FromHours(1),
        "d" => TimeSpan.FromDays(1),
        "w" => TimeSpan.FromDays(7),
        _ => TimeSpan.FromDays(365),
    };

    /// <summary>After <c>for:</c>, <c>keep_firing_for:</c>, <c>interval:</c> and <c>offset</c>, and in the brackets of a window, with its step.</summary>
    [GeneratedRegex(
        @"(?<=^\s*(?:for|keep_firing_for|interval):\s*|\boffset\s+-?|\[|\[[0-9a-z]+:)(?:\d+(?:ms|[smhdwy]))+(?=\s*$|[\]:\s,)#])",
        RegexOptions.Multiline)]
    private static partial Regex Durations();

    [GeneratedRegex("(\\d+)(ms|[smhdwy])")]
    private static partial Regex Parts();

    /// <summary>What a line compares with that says so at its end.</summary>
    [GeneratedRegex(@"(?<=[<>=]\s*)\d+(?:\.\d+)?(?=\s*# seconds\s*$)", RegexOptions.Multiline)]
    private static partial Regex Seconds();
}
