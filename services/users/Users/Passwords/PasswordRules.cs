using System.Collections.Frozen;
using System.Text;
using Chassis.Web;
using Microsoft.Extensions.Options;

namespace Users.Passwords;

/// <summary>
/// NIST SP 800-63B: a minimum length, every character allowed, no composition rules, and nothing that an attacker tries first:
/// breached and common passwords, runs and repetitions, and what the account itself says.
/// </summary>
public sealed class PasswordRules(IOptions<UsersSettings> settings)
{
    private static readonly FrozenSet<string> Common = ReadCommon();

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

    private static bool IsCommon(string password) => Common.Contains(password.ToLowerInvariant());

    /// <summary>One character again and again, or neighbours of the alphabet or the digits in a row.</summary>
    private static bool IsRun(string password)
    {
        var steps = password.Zip(password.Skip(1), (a, b) => b - a).Distinct().ToList();
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

    private static FrozenSet<string> ReadCommon()
    {
        using var stream = typeof(PasswordRules).Assembly.GetManifestResourceStream("common-passwords.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !line.StartsWith('#')).ToFrozenSet(StringComparer.Ordinal);
    }
}
