using System.ComponentModel.DataAnnotations;
using Chassis;

namespace Notifications.Webhooks;

/// <summary>Configuration section <c>Webhooks</c>.</summary>
public sealed record WebhookOptions : IForDevelopment
{
    /// <summary>For development and tests: loopback and private addresses, plain http and every port are fine. Never in production.</summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary>Networks (CIDR) that may be dialled although they are not public, for partners inside an own network. https still.</summary>
    public IReadOnlyList<string> AllowedNetworks { get; init; } = [];

    /// <summary>Ports that a webhook's URL may name; 443 when empty.</summary>
    public IReadOnlyList<int> Ports { get; init; } = [];

    /// <summary>Webhooks that one tenant may have, and whoever has no tenant.</summary>
    [Range(1, 100_000)]
    public int MaxPerTenant { get; init; } = 50;

    /// <summary>How long one attempt may take from connect to the last byte of the answer that is read.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:02:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long after its time-out an attempt that nobody has recorded is taken for lost with its process, and made again.</summary>
    public TimeSpan ClaimMargin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts that may be under way to one endpoint at a time, per process.</summary>
    [Range(1, 64)]
    public int ConcurrencyPerEndpoint { get; init; } = 8;

    /// <summary>
    /// Attempts that may be under way or not written down yet in the process. Far above what one endpoint may take, so that slow ones leave room.
    /// </summary>
    [Range(1, 10_000)]
    public int Concurrency { get; init; } = 1000;

    /// <summary>So many failures in a row open an endpoint's circuit: its deliveries wait, and then a single one tries.</summary>
    [Range(1, 100)]
    public int CircuitThreshold { get; init; } = 5;

    /// <summary>How long a circuit stays open at first; it doubles with every further failure up to <see cref="MaxCircuitBreak"/>.</summary>
    public TimeSpan CircuitBreak { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan MaxCircuitBreak { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>An endpoint that has done nothing but fail for so long is disabled, and the operators get a mail.</summary>
    public TimeSpan DisableAfter { get; init; } = TimeSpan.FromDays(5);

    /// <summary>Waiting time before each attempt; the delivery has failed when the list is at its end. The default is used when empty.</summary>
    public IReadOnlyList<TimeSpan> Schedule { get; init; } = [];

    /// <summary>How long the secret before a rotation goes on signing beside the new one.</summary>
    public TimeSpan SecretOverlap { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long deliveries, their attempts and bodies are kept.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(30);

    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (AllowPrivateNetworks)
        {
            yield return (nameof(AllowPrivateNetworks), "webhooks would reach into the private network");
        }
    }

    internal IReadOnlyList<int> AllowedPorts => Ports.Count == 0 ? [443] : Ports;

    internal RetrySchedule Retries => new(Schedule.Count == 0 ? RetrySchedule.Standard : Schedule);
}
