using System.Globalization;
using Chassis;
using Orders.Domain;

namespace Orders.Features;

/// <summary>Values of query strings, read strictly.</summary>
internal static class QueryValues
{
    /// <exception cref="ProblemException">400 for anything but a status by its name.</exception>
    public static OrderStatus? Status(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        foreach (var status in Enum.GetValues<OrderStatus>())
        {
            if (string.Equals(status.ToString(), value, StringComparison.OrdinalIgnoreCase))
            {
                return status;
            }
        }

        throw ProblemException.Invalid("status", $"is none of {string.Join(", ", Enum.GetNames<OrderStatus>().Select(n => n.ToLowerInvariant()))}.");
    }

    /// <summary>A time, or a date as its beginning in UTC.</summary>
    /// <exception cref="ProblemException">400 for anything else.</exception>
    public static DateTimeOffset? Time(string field, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        // A plus sign that was not escaped in the URL arrives as a space.
        return value.Length >= 10 && value[4] == '-'
            && DateTimeOffset.TryParse(
                value.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
                ? time
                : throw ProblemException.Invalid(field, "is not a time such as 2026-03-01T12:00:00Z.");
    }
}
