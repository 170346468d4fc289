using System.Globalization;
using System.Text.Json;
using Shop.Contracts;

namespace Notifications.Templating;

/// <summary>How a language writes amounts and dates; from <c>language.json</c> beside its templates, so that a new language needs no program.</summary>
public sealed record Language
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };

    public required string DecimalSeparator { get; init; }

    public required string GroupSeparator { get; init; }

    /// <summary><c>{amount}</c> and <c>{currency}</c> in the order of the language.</summary>
    public required string Money { get; init; }

    /// <summary><c>{day}</c>, <c>{month}</c> and <c>{year}</c> in the order of the language.</summary>
    public required string Date { get; init; }

    public required IReadOnlyList<string> Months { get; init; }

    /// <summary>Signs for currencies; the code is written for those that are not listed.</summary>
    public required IReadOnlyDictionary<string, string> Currencies { get; init; }

    public static Language Parse(string json, string file)
    {
        try
        {
            var language = JsonSerializer.Deserialize<Language>(json, Json) ?? throw new JsonException("It is empty.");
            return language.Months.Count == 12 ? language : throw new JsonException("A year has twelve months.");
        }
        catch (JsonException e)
        {
            throw new TemplateException($"{file}: {e.Message}");
        }
    }

    public string Write(Money money)
    {
        var format = new NumberFormatInfo { NumberDecimalSeparator = DecimalSeparator, NumberGroupSeparator = GroupSeparator };
        var decimals = Math.Max(2, (int)money.Amount.Scale);
        return Money
            .Replace("{amount}", money.Amount.ToString($"N{decimals}", format), StringComparison.Ordinal)
            .Replace("{currency}", Currencies.GetValueOrDefault(money.Currency, money.Currency), StringComparison.Ordinal);
    }

    public string Write(DateTimeOffset time) => Date
        .Replace("{day}", time.UtcDateTime.Day.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{month}", Months[time.UtcDateTime.Month - 1], StringComparison.Ordinal)
        .Replace("{year}", time.UtcDateTime.Year.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
