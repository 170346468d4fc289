using System.Text.RegularExpressions;

namespace Chassis.Web;

/// <summary>Collects everything that is wrong with a request, so that the caller learns it at once.</summary>
public sealed class Validator
{
    private readonly Dictionary<string, List<string>> _errors = new(StringComparer.Ordinal);

    public bool IsValid => _errors.Count == 0;

    /// <summary>Adds a message for a field. Nested fields are written as the caller sees them, such as <c>items[0].name</c>.</summary>
    public Validator Add(string field, string message)
    {
        if (!_errors.TryGetValue(field, out var messages))
        {
            _errors[field] = messages = [];
        }

        messages.Add(message);
        return this;
    }

    public Validator Check(bool valid, string field, string message) => valid ? this : Add(field, message);

    /// <summary>A text that is there, is not blank, is a <see cref="LineOfText"/>, and has at most <paramref name="max"/> characters.</summary>
    public Validator Text(string field, string? value, int max, int min = 1) =>
        string.IsNullOrWhiteSpace(value) ? Add(field, "is required.") : OptionalText(field, value, max, min);

    /// <summary>A text that may be missing; when it is there, the rules of <see cref="Text"/> hold.</summary>
    public Validator OptionalText(string field, string? value, int max, int min = 0)
    {
        if (value is null)
        {
            return this;
        }

        Check(value.Length <= max, field, $"must have at most {max} characters.");
        Check(value.Length >= min, field, $"must have at least {min} characters.");
        return LineOfText.ProblemOf(value) is { } problem ? Add(field, problem) : this;
    }

    public Validator Matches(string field, string? value, Regex pattern, string message) =>
        Check(value is not null && pattern.IsMatch(value), field, message);

    public Validator Between(string field, long value, long min, long max) =>
        Check(value >= min && value <= max, field, $"must be between {min} and {max}.");

    public Validator Positive(string field, long value, long max = int.MaxValue) => Between(field, value, 1, max);

    /// <summary>A list with between <paramref name="min"/> and <paramref name="max"/> elements.</summary>
    public Validator Count<T>(string field, IReadOnlyCollection<T>? value, int min, int max) =>
        Check(value is not null && value.Count >= min && value.Count <= max, field, $"must have between {min} and {max} elements.");

    /// <exception cref="ProblemException">400 with every message, when there is one.</exception>
    public void ThrowIfInvalid()
    {
        if (!IsValid)
        {
            throw ProblemException.Invalid(_errors.ToDictionary(e => e.Key, e => e.Value.ToArray(), StringComparer.Ordinal));
        }
    }
}
