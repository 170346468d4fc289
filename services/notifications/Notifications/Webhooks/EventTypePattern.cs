using System.Text.RegularExpressions;
using Shop.Contracts;

namespace Notifications.Webhooks;

/// <summary>Names event types, with wildcards.</summary>
/// <remarks>
/// <c>*</c> stands for one part between dots; at the end it stands for everything that follows, so that <c>shop.order.*</c> gets
/// <c>shop.order.submitted.v2</c> and <c>*</c> alone gets every event.
/// </remarks>
public static partial class EventTypePattern
{
    public const int MaxLength = 200;

    private const string OfThisSystem = ShopContracts.Namespace;

    public static bool IsValid(string pattern) => pattern.Length <= MaxLength && Shape().IsMatch(pattern);

    public static bool Matches(string pattern, string eventType)
    {
        var parts = pattern.Split('.');
        var names = eventType.Split('.');
        var open = parts[^1] == "*";
        if (open ? names.Length < parts.Length : names.Length != parts.Length)
        {
            return false;
        }

        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] != "*" && parts[i] != names[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same in the broker's words, of the events of this system; null for what none of them can be.</summary>
    /// <remarks>There a <c>#</c> stands for any number of parts, also none.</remarks>
    public static string? ToTopic(string pattern)
    {
        var parts = pattern.Split('.');
        if (parts[0] is not (OfThisSystem or "*"))
        {
            return null;
        }

        var open = parts.Length > 1 && parts[^1] == "*";
        string[] rest = parts.Length == 1 ? ["#"] : open ? [.. parts[1..], "#"] : parts[1..];
        return parts is [OfThisSystem] ? null : string.Join('.', [OfThisSystem, .. rest]);
    }

    [GeneratedRegex(@"^(\*|[a-z0-9][a-z0-9-]*)(\.(\*|[a-z0-9][a-z0-9-]*))*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Shape();
}
