using System.Text.RegularExpressions;

namespace Notifications.Webhooks;

/// <summary>Names event types, with wildcards.</summary>
/// <remarks>
/// <c>*</c> stands for one part between dots; at the end it stands for everything that follows, so that <c>shop.order.*</c> gets
/// <c>shop.order.submitted.v2</c> and <c>*</c> alone gets every event.
/// </remarks>
public static partial class EventTypePattern
{
    public const int MaxLength = 200;

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

    [GeneratedRegex(@"^(\*|[a-z0-9][a-z0-9-]*)(\.(\*|[a-z0-9][a-z0-9-]*))*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Shape();
}
