using System.Globalization;

namespace Chassis.Web;

/// <summary>
/// The times that a request may name: what is before or after is a mistake, and one of those that are at the end of their type when somebody counts on from
/// them, or infinite for the database.
/// </summary>
internal static class Years
{
    public const string Rule = "must lie between the years 1900 and 2999.";

    public static bool Hold(DateTimeOffset time) => time.UtcDateTime.Year is >= 1900 and <= 2999;

    /// <summary>Whether a text is a date or a time that lies beyond; of any other text nothing is said.</summary>
    public static bool AreLeftBy(string? text) =>
        text is { Length: >= 10 }
            && text[4] == '-'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && !Hold(time);
}
