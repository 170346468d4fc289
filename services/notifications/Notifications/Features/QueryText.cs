using Chassis;

namespace Notifications.Features;

/// <summary>Reads query parameters as strictly as bodies are read.</summary>
internal static class QueryText
{
    /// <summary>An enum's value by its name as answers write it; null when the parameter is missing.</summary>
    /// <exception cref="ProblemException">400 for any other text.</exception>
    public static T? Parse<T>(string parameter, string? text)
        where T : struct, Enum
    {
        if (text is null)
        {
            return null;
        }

        var values = Enum.GetValues<T>().ToDictionary(v => v.ToString().ToLowerInvariant());
        return values.TryGetValue(text, out var value)
            ? value
            : throw ProblemException.Invalid(parameter, $"must be one of {string.Join(", ", values.Keys)}.");
    }
}
