using System.Text;
using Chassis.Web;
using Microsoft.Extensions.Options;

namespace Users.Passwords;

/// <summary>
/// NIST SP 800-63B: a minimum length, every character allowed, no composition rules, and nothing that an attacker tries first:
/// common passwords, also with letters in disguise or a year behind, runs and repetitions, words that the settings name, and what the account itself says.
/// </summary>
internal sealed class PasswordRules(IOptions<UsersSettings> settings)
{
    /// <summary>Characters that no installation allows more of; <see cref="PasswordSettings.MaxLength"/> is what one does allow.</summary>
    public const int Longest = 1024;

    // Fewer letters are no word that somebody would put a year behind, and more behind it is no year.
    private const int ShortestWord = 5;
    private const int LongestTail = 6;

    private const string Disguises = "@4831!05$79";
    private const string Letters = "aabeiiosstg";

    private static readonly Lazy<CommonPasswords> Common = new(CommonPasswords.Read);

    /// <summary>The form that is hashed: the same whatever keyboard it was typed on.</summary>
    public static string Normalize(string password) => password.Normalize(NormalizationForm.FormKC);

    public void Check(Validator validator, string field, string? password, params ReadOnlySpan<string?> context)
    {
        var rules = settings.Value.Passwords;
        if (string.IsNullOrEmpty(password))
        {
            validator.Add(field, "is required.");
            return;
        }

        var characters = new System.Globalization.StringInfo(password).LengthInTextElements;
        if (characters < rules.MinLength)
        {
            validator.Add(field, $"must have at least {rules.MinLength} characters.");
        }
        else if (password.Length > rules.MaxLength)
        {
            validator.Add(field, $"must have at most {rules.MaxLength} characters.");
        }
        else if (IsCommon(password) || IsRun(password) || SaysTheAccount(password, context))
        {
            validator.Add(field, "is one that attackers try first. Choose another.");
        }
    }

    private bool IsCommon(string password)
    {
        var lower = Normalize(password).ToLowerInvariant();
        var word = lower.TrimEnd([.. lower.Where(c => !char.IsLetter(c))]);
        var hasTail = word.Length >= ShortestWord && word.Length < lower.Length && lower.Length - word.Length <= LongestTail;
        return IsKnown(lower) || (hasTail && IsKnown(word)) || IsTwice(lower);
    }

    private bool IsKnown(string word) => Common.Value.Contains(word) || Common.Value.Contains(Undisguise(word))
        || settings.Value.Passwords.Refused.Any(
            r => r.Equals(word, StringComparison.OrdinalIgnoreCase) || r.Equals(Undisguise(word), StringComparison.OrdinalIgnoreCase));

    private bool IsTwice(string password) =>
        password.Length % 2 == 0 && password[..(password.Length / 2)] == password[(password.Length / 2)..] && IsKnown(password[..(password.Length / 2)]);

    private static string Undisguise(string word) =>
        string.Concat(word.Select(c => Disguises.IndexOf(c, StringComparison.Ordinal) is >= 0 and var i ? Letters[i] : c));

    /// <summary>One character again and again, or neighbours of the alphabet or the digits in a row; the last one may be another.</summary>
    private static bool IsRun(string password)
    {
        var steps = password[..^1].Zip(password[1..^1], (a, b) => b - a).Distinct().ToList();
        return steps is [0 or 1 or -1];
    }

    private static bool SaysTheAccount(string password, ReadOnlySpan<string?> context)
    {
        foreach (var value in context)
        {
            if (value is not null && (password.Equals(value, StringComparison.OrdinalIgnoreCase)
                || password.Equals(value.Split('@')[0], StringComparison.OrdinalIgnoreCase)
                || password.Equals(value.Replace(" ", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }

        return false;
    }
}
