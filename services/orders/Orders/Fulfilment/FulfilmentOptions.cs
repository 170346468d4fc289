using System.ComponentModel.DataAnnotations;
using Chassis;

namespace Orders.Fulfilment;

/// <summary>Configuration section <c>Fulfilment</c>: how long each step may take.</summary>
public sealed record FulfilmentOptions
{
    public const string Section = "Fulfilment";

    private const string Shortest = "00:00:00.001";
    private const string Longest = "365.00:00:00";

    /// <summary>How long inventory may take to reserve. Long enough to sit out a restart of it; then the order fails as timed out.</summary>
    [Range(typeof(TimeSpan), Shortest, Longest)]
    public TimeSpan Reservation { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long an authorization may stay without an outcome, queries included; then the order fails as timed out.</summary>
    [Range(typeof(TimeSpan), Shortest, Longest)]
    public TimeSpan Authorization { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a parcel may wait for its dispatch. Shorter than card authorizations last (seven days).</summary>
    [Range(typeof(TimeSpan), Shortest, Longest)]
    public TimeSpan Dispatch { get; init; } = TimeSpan.FromDays(6);

    /// <summary>
    /// When a step that must happen, such as a release or a capture, is asked for again. Doubles with every attempt up to <see cref="AskAgainAtMost"/>; such a
    /// step is never given up, because what would follow from giving up is worse.
    /// </summary>
    [Range(typeof(TimeSpan), Shortest, Longest)]
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromMinutes(1);

    [Range(typeof(TimeSpan), Shortest, Longest)]
    public TimeSpan AskAgainAtMost { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The pause before the next time of asking.</summary>
    public TimeSpan AskAgainAfter(int attempt) => Backoff.Exponential(attempt, AskAgain, AskAgainAtMost);
}
