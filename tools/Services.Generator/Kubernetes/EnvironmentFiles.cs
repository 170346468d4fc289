using System.Text.RegularExpressions;

namespace Services.Generator.Kubernetes;

/// <summary>A variable of a service's process.</summary>
/// <param name="Name">As the process has it, <c>RabbitMq__Password</c>.</param>
/// <param name="Value">Its value, empty for none.</param>
public sealed record EnvironmentVariable(string Name, string Value)
{
    /// <summary>Whether its value belongs in no manifest: the same names as those that a service looks at outside of development.</summary>
    public bool IsSecret => Regex.IsMatch(Name, "(password|secret|secrets|apikey)(__[0-9]+)?$", RegexOptions.IgnoreCase);

    /// <summary>Whether a service does without: there is no value for it, not even one of development.</summary>
    public bool IsOptional => Value.Length == 0;
}

/// <summary>
/// Fills in <c>deploy/env/*.env</c> as a shell does: <c>${NAME}</c>, <c>${NAME:-otherwise}</c>, <c>${NAME-otherwise}</c> and <c>${NAME:+then}</c>, also inside
/// of each other.
/// </summary>
/// <param name="variables">What is said; every other name has no value.</param>
public sealed class EnvironmentFiles(IReadOnlyDictionary<string, string> variables)
{
    /// <summary>The lines <c>NAME=VALUE</c> of a text, as they stand.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Lines(string text) =>
        from line in text.Split('\n')
        where line.Length > 0 && line[0] != '#'
        let at = line.IndexOf('=', StringComparison.Ordinal)
        where at > 0
        select KeyValuePair.Create(line[..at], line[(at + 1)..]);

    /// <summary>What a file gives to a process.</summary>
    /// <exception cref="InvalidDataException">A value is written in another way than those above.</exception>
    public IEnumerable<EnvironmentVariable> Read(string text) => Lines(text).Select(l => new EnvironmentVariable(l.Key, Fill(l.Value)));

    /// <summary>A value with its variables filled in.</summary>
    /// <exception cref="InvalidDataException">It is written in another way than those above.</exception>
    public string Fill(string text)
    {
        var at = text.IndexOf("${", StringComparison.Ordinal);
        if (at < 0)
        {
            return text;
        }

        var end = EndOf(text, at);
        return text[..at] + Value(text[(at + 2)..end]) + Fill(text[(end + 1)..]);
    }

    private static int EndOf(string text, int begin)
    {
        var depth = 0;
        for (var i = begin; i < text.Length; i++)
        {
            depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
            if (text[i] == '}' && depth == 0)
            {
                return i;
            }
        }

        throw new InvalidDataException($"A brace has no end: {text}");
    }

    private string Value(string expression)
    {
        var name = new string([.. expression.TakeWhile(c => char.IsAsciiLetterOrDigit(c) || c == '_')]);
        var (isSet, value) = (variables.TryGetValue(name, out var found), found ?? "");
        return expression[name.Length..] switch
        {
            "" => value,
            [':', '-', .. var otherwise] => value.Length > 0 ? value : Fill(otherwise),
            ['-', .. var otherwise] => isSet ? value : Fill(otherwise),
            [':', '+', .. var then] => value.Length > 0 ? Fill(then) : "",
            _ => throw new InvalidDataException($"Not known how to fill in ${{{expression}}}"),
        };
    }
}
