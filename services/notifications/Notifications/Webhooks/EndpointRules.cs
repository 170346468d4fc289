using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Notifications.Webhooks;

/// <summary>Which URLs may be registered. What a name resolves to is checked besides, at registration and at every connect.</summary>
public sealed partial class EndpointRules(WebhookOptions options, AddressRules addresses)
{
    public const int MaxLength = 2048;

    /// <summary>What is wrong with the URL, in a sentence for whoever registers it; null when nothing is.</summary>
    /// <remarks>
    /// The text is judged before the parser makes it look innocent: other spellings of an IPv4 address (decimal, octal, hexadecimal, short),
    /// characters that become a dot or a digit, and user info that hides the host have no place in a webhook's URL.
    /// </remarks>
    public string? Refuse(string text, out Uri? url)
    {
        url = null;
        if (text.Length > MaxLength)
        {
            return $"must have at most {MaxLength} characters.";
        }

        var match = Shape().Match(text);
        if (!match.Success || !Uri.TryCreate(text, UriKind.Absolute, out var parsed))
        {
            return "must be an absolute https URL without user info and fragment, its host in ASCII.";
        }

        if (parsed.Scheme != Uri.UriSchemeHttps && !(options.AllowPrivateNetworks && parsed.Scheme == Uri.UriSchemeHttp))
        {
            return "must use https.";
        }

        var host = match.Groups["host"].Value;
        var refusal = RefuseHost(host, parsed) ?? RefusePort(parsed.Port);
        url = refusal is null ? parsed : null;
        return refusal;
    }

    private string? RefuseHost(string host, Uri parsed)
    {
        if (IPAddress.TryParse(parsed.DnsSafeHost, out var address))
        {
            return !addresses.Allows(address) ? "must not point to a private, local or reserved address."
                : host != parsed.Host && !host.StartsWith('[') ? "must have an IPv4 address in the form 192.0.2.1."
                : null;
        }

        // A parser elsewhere may read as a number what ours takes for a name.
        if (!parsed.Host.Equals(host, StringComparison.OrdinalIgnoreCase) || LastLabelIsNumber().IsMatch(host))
        {
            return "must have a host name or an address in the usual form.";
        }

        if (options.AllowPrivateNetworks)
        {
            return null;
        }

        return !host.Contains('.', StringComparison.Ordinal) || host.EndsWith('.') || SpecialName().IsMatch(host)
            ? "must have a public host name."
            : null;
    }

    private string? RefusePort(int port) =>
        port > 0 && (options.AllowPrivateNetworks || options.AllowedPorts.Contains(port))
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"must use one of the ports {string.Join(", ", options.AllowedPorts)}.");

    [GeneratedRegex(@"^(?<scheme>https?)://(?<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?<port>:[0-9]{1,5})?(?<rest>[/?][\x21-\x7E-[#\\]]*)?\z",
        RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Shape();

    [GeneratedRegex(@"(^|\.)(0[xX][0-9A-Fa-f]*|[0-9]+)\.?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex LastLabelIsNumber();

    // Names that never are in the public DNS (RFC 6761, RFC 8375, ICANN's .internal).
    [GeneratedRegex(@"(^|\.)(localhost|local|localdomain|internal|intranet|lan|home\.arpa|onion|test|invalid|example)\z",
        RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SpecialName();
}
