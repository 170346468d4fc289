using System.Globalization;

namespace Shop.Chaos.Faults;

/// <summary>How long the services of a run keep what they have claimed while nothing is heard of it, so that a fault can last longer.</summary>
/// <param name="Mail">A mail that is being sent.</param>
/// <param name="Webhook">A webhook that is being sent.</param>
public sealed record Leases(TimeSpan Mail, TimeSpan Webhook)
{
    /// <summary>The longest; the outbox's is shorter than either.</summary>
    public TimeSpan Longest => Mail > Webhook ? Mail : Webhook;

    public static Leases Of(IReadOnlyDictionary<string, string> settings) => new(
        Setting(settings, "Mail__Lease", TimeSpan.FromSeconds(30)),
        Setting(settings, "Webhooks__Timeout", TimeSpan.FromSeconds(15)) + Setting(settings, "Webhooks__ClaimMargin", TimeSpan.FromSeconds(30)));

    private static TimeSpan Setting(IReadOnlyDictionary<string, string> settings, string name, TimeSpan otherwise) =>
        settings.TryGetValue(name, out var text) ? TimeSpan.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
