using System.Globalization;
using System.Text.RegularExpressions;

namespace Contracts.Events;

/// <summary>The rule for wire names: <c>&lt;system&gt;.&lt;what&gt;.&lt;past-tense&gt;.v&lt;major&gt;</c> in lower case.</summary>
public static partial class WireName
{
    /// <summary>The major version at the end of a wire name.</summary>
    /// <exception cref="ArgumentException">The name does not follow the rule.</exception>
    public static int MajorVersion(string type)
    {
        ArgumentNullException.ThrowIfNull(type);
        var match = Rule().Match(type);
        return match.Success
            ? int.Parse(match.Groups["major"].ValueSpan, CultureInfo.InvariantCulture)
            : throw new ArgumentException($"'{type}' is not a wire name: it must read <system>.<what>.<past-tense>.v<major> in lower case.", nameof(type));
    }

    /// <summary>What a wire name begins with, up to the dot after what it is about: <c>shop.order.</c>, or the whole when it follows no rule.</summary>
    public static string Family(string type)
    {
        ArgumentNullException.ThrowIfNull(type);
        var system = type.IndexOf('.', StringComparison.Ordinal);
        var end = system < 0 ? -1 : type.IndexOf('.', system + 1);
        return end < 0 ? type : type[..(end + 1)];
    }

    [GeneratedRegex(@"^[a-z]+\.[a-z]+\.[a-z]+(-[a-z]+)*\.v(?<major>[1-9][0-9]*)$")]
    private static partial Regex Rule();
}
