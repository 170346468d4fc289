using System.Globalization;
using Chassis;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>Values of query strings, read strictly.</summary>
internal static class QueryValues
{
    /// <exception cref="ProblemException">400 for anything but a status by its name.</exception>
    public static OrderStatus? Status(string? value) => Of<OrderStatus>("status", value);

    /// <exception cref="ProblemException">400 for anything but one of the names.</exception>
    public static T? Of<T>(string field, string? value)
        where T : struct, Enum
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        foreach (var known in Enum.GetValues<T>())
        {
            if (string.Equals(known.ToString(), value, StringComparison.OrdinalIgnoreCase))
            {
                return known;
            }
        }

        throw ProblemException.Invalid(field, $"is none of {string.Join(", ", Enum.GetNames<T>().Select(n => n.ToLowerInvariant()))}.");
    }

    /// <summary>An id, or an order's number: the last eight digits of its id, as mails write them or without the hyphen.</summary>
    /// <exception cref="ProblemException">400 for anything else.</exception>
    public static OrderSearch? Order(string field, string? value)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            return null;
        }

        var text = value.Trim();
        if (Guid.TryParse(text, out var id))
        {
            return new OrderSearch(id, null);
        }

        var number = text.Replace("-", string.Empty, StringComparison.Ordinal).ToLowerInvariant();
        return number.Length == OrderSearch.NumberLength && number.All(char.IsAsciiHexDigit)
            ? new OrderSearch(null, number)
            : throw ProblemException.Invalid(field, "is neither an id nor an order's number such as 9F3C-21AB.");
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
