using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ShopConsole.Layout;

/// <summary>Figures and names as people read them.</summary>
internal static class Words
{
    // For a page, which encodes it: an umlaut is to be read as one.
    private static readonly JsonSerializerOptions Lines = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>How long, in the one or two units that matter: <c>1.2 s</c>, <c>4 min 10 s</c>, <c>2 h 5 min</c>, <c>3 d 4 h</c>.</summary>
    public static string Of(TimeSpan time)
    {
        time = time < TimeSpan.Zero ? TimeSpan.Zero : time;
        return time switch
        {
            { TotalSeconds: < 1 } => Text($"{time.TotalMilliseconds:0} ms"),
            { TotalSeconds: < 10 } => Text($"{time.TotalSeconds:0.#} s"),
            { TotalMinutes: < 1 } => Text($"{time.TotalSeconds:0} s"),
            { TotalHours: < 1 } => Text($"{time.Minutes} min {time.Seconds} s"),
            { TotalDays: < 1 } => Text($"{time.Hours} h {time.Minutes} min"),
            _ => Text($"{time.Days} d {time.Hours} h"),
        };
    }

    public static string OfSeconds(double seconds) => Of(TimeSpan.FromSeconds(seconds));

    /// <summary>The last part of an id: its first is the time, which is the same for neighbours.</summary>
    public static string Short(Guid id) => id.ToString()[^8..];

    /// <summary>The number of an order as its customer reads it in mails: <c>436B-2916</c>.</summary>
    public static string Number(Guid order) => order.ToString("N")[^8..].ToUpperInvariant().Insert(4, "-");

    /// <summary><c>reservingStock</c> as <c>reserving stock</c>.</summary>
    public static string Spaced(string camelCase) =>
        string.Concat(camelCase.Select((c, i) => char.IsUpper(c) && i > 0 ? $" {char.ToLowerInvariant(c)}" : c.ToString()));

    /// <summary><c>urn:message:Orders.Fulfilment:DeadlinePassed</c> as <c>DeadlinePassed</c>; the wire name of an event as it is.</summary>
    public static string Message(string type) => type[(type.LastIndexOf(':') + 1)..];

    public static string Count(long count, string one, string? many = null) => Text($"{count} {(count == 1 ? one : many ?? one + "s")}");

    /// <summary>JSON with line breaks; what is none as it is.</summary>
    public static string Indented(JsonElement json) =>
        json.ValueKind == JsonValueKind.String ? json.GetString()! : JsonSerializer.Serialize(json, Lines);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
