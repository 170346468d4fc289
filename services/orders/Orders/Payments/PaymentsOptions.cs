using System.ComponentModel.DataAnnotations;
using Chassis;

namespace Orders.Payments;

/// <summary>Configuration section <c>Payments</c>.</summary>
public sealed record PaymentsOptions : IForDevelopment
{
    public const string Section = "Payments";

    /// <summary>"24:00:00" would be read as 24 days.</summary>
    private const string ADay = "1.00:00:00";

    /// <summary>Root of the provider's API: the sandbox in development, <c>https://api.stripe.com</c> with a real account.</summary>
    [Required, Url]
    public Uri BaseUrl { get; init; } = new("http://127.0.0.1:8090");

    /// <summary>The provider's secret key.</summary>
    [Required, MinLength(8)]
    public string ApiKey { get; init; } = "";

    /// <summary>
    /// Where the customer comes back to after she has confirmed a payment at her bank. Without it a real account offers no page to send her to, and a payment
    /// that needs her ends with the deadline of the authorization.
    /// </summary>
    [Url]
    public Uri? ReturnUrl { get; init; }

    /// <summary>
    /// The largest amount that the provider takes in one payment, in the currency's minor unit. Eight digits is what Stripe takes in most currencies
    /// (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). An order of more is refused when it is placed.
    /// </summary>
    [Range(1L, 1_000_000_000_000L)]
    public long LargestCharge { get; init; } = 99_999_999;

    /// <summary>How long one request may take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", ADay)]
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one operation may take with all its repeats. Then its outcome is unknown and is asked for later.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", ADay)]
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>Repeats after the first try, with growing, jittered pauses.</summary>
    [Range(0, 10)]
    public int Retries { get; init; } = 3;

    [Range(typeof(TimeSpan), "00:00:00", ADay)]
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Requests at the provider at the same time; more wait, up to as many again, then they are turned away.</summary>
    [Range(1, 1000)]
    public int MaxConcurrency { get; init; } = 32;

    /// <summary>The share of failed requests that opens the circuit.</summary>
    [Range(0.01, 1)]
    public double BreakerFailureRatio { get; init; } = 0.5;

    [Range(2, 10_000)]
    public int BreakerMinimumThroughput { get; init; } = 20;

    /// <summary>How long an open circuit spares the provider.</summary>
    [Range(typeof(TimeSpan), "00:00:00.500", ADay)]
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>When an unknown outcome is asked for the first time; doubles up to <see cref="CheckAgainAtMost"/>, without end.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", ADay)]
    public TimeSpan CheckAgain { get; init; } = TimeSpan.FromSeconds(2);

    [Range(typeof(TimeSpan), "00:00:00.001", ADay)]
    public TimeSpan CheckAgainAtMost { get; init; } = TimeSpan.FromMinutes(1);

    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (BaseUrl is { Scheme: "http", IsLoopback: false })
        {
            yield return (nameof(BaseUrl), "money would move without TLS, or not at all");
        }
    }

    public TimeSpan CheckAgainAfter(int attempts) => Backoff.Exponential(attempts, CheckAgain, CheckAgainAtMost);
}
