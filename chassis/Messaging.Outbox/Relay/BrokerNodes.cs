using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Chassis.Messaging.Relay;

/// <summary>The addresses of a broker that is a cluster: any of them will do, and when one is lost, another.</summary>
internal static class BrokerNodes
{
    private const int Plain = 5672;
    private const int Encrypted = 5671;

    /// <summary>The broker at each of its addresses; only the one in the URI where no other is named.</summary>
    public static IReadOnlyList<Uri> Of(Uri broker, string hosts) => Words(hosts) is { Length: > 0 } words
        ? [.. words.Select(word => Parse(word) is { } at ? Moved(broker, at) : throw new FormatException(Complaint(word)))]
        : [broker];

    public static IEnumerable<ValidationResult> Validate(string hosts, string member) =>
        Words(hosts).Where(word => Parse(word) is null).Select(word => new ValidationResult(Complaint(word), [member]));

    /// <summary>With the port that is meant where none is said.</summary>
    public static int PortOf(Uri node) => node.Port > 0 ? node.Port : node.Scheme == "amqps" ? Encrypted : Plain;

    private static string[] Words(string hosts) => hosts.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string Complaint(string word) => string.Create(
        CultureInfo.InvariantCulture, $"'{word}' is not the address of a broker's node: RabbitMq:Hosts takes host or host:port, separated by commas.");

    private static Uri? Parse(string word) =>
        Uri.TryCreate($"amqp://{word}", UriKind.Absolute, out var at) && at.Host.Length > 0 && at.UserInfo.Length == 0 && at.PathAndQuery is "" or "/"
            && at.Fragment.Length == 0 && at.Port != 0 ? at : null;

    private static Uri Moved(Uri broker, Uri at) => new UriBuilder(broker) { Host = at.Host, Port = at.Port > 0 ? at.Port : broker.Port }.Uri;
}
