using System.Globalization;
using System.Net.Mail;

namespace Users.Domain;

/// <summary>E-mail addresses as we compare and store them.</summary>
internal static class Email
{
    public const int MaxLength = 254;

    /// <summary>
    /// Trimmed, in lower case and in Unicode's normal form C, the domain in its ASCII form (UTS 46). Null when it cannot be an address: no local part or
    /// domain, a domain without a dot or with characters that no domain has, quotes, comments, white space, invisible characters, or too long.
    /// </summary>
    public static string? Normalize(string? text)
    {
        var email = text?.Trim().Normalize().ToLowerInvariant();
        if (string.IsNullOrEmpty(email)
            || email.Length > MaxLength
            || email.Any(
                c => char.IsWhiteSpace(c)
                    || char.IsControl(c)
                    || char.GetUnicodeCategory(c) is UnicodeCategory.Format
                    || c is '"' or '(' or ')' or '<' or '>' or ',' or ';' or ':' or '\\' or '[' or ']'))
        {
            return null;
        }

        var at = email.LastIndexOf('@');
        if (at is <= 0 or > 64 || email.IndexOf('@', StringComparison.Ordinal) != at)
        {
            return null;
        }

        var domain = ToAscii(email[(at + 1)..]);
        var local = email[..at];
        if (domain is null || local.StartsWith('.') || local.EndsWith('.') || local.Contains("..", StringComparison.Ordinal))
        {
            return null;
        }

        var normalized = $"{local}@{domain}";
        return MailAddress.TryCreate(normalized, out var parsed) && parsed.Address == normalized ? normalized : null;
    }

    /// <summary>The address as it was stored before addresses were normalised: of two that differ in that alone, the migration left one as it was.</summary>
    public static string AsTyped(string text) => text.Trim().ToLowerInvariant();

    private static string? ToAscii(string domain)
    {
        try
        {
            var ascii = new IdnMapping { UseStd3AsciiRules = true }.GetAscii(domain);
            var labels = ascii.Split('.');
            return labels.Length >= 2
                && labels.All(l => l.Length is > 0 and <= 63 && !l.StartsWith('-') && !l.EndsWith('-'))
                && !labels[^1].All(char.IsAsciiDigit)
                ? ascii
                : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
