namespace Notifications.Webhooks;

/// <summary>When a delivery is tried again.</summary>
/// <param name="waits">Waiting time before each attempt, the first one included.</param>
public sealed class RetrySchedule(IReadOnlyList<TimeSpan> waits)
{
    /// <summary>A <c>Retry-After</c> beyond this is cut: a partner cannot park a delivery for a year.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(24);

    /// <summary>The schedule that Standard Webhooks recommends: ten attempts within about three days.</summary>
    public static readonly IReadOnlyList<TimeSpan> Standard =
    [
        TimeSpan.Zero, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2),
        TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>The longest pause between two attempts that the schedule makes by itself, jitter included.</summary>
    public TimeSpan LongestWait { get; } = waits.Max() * 1.1;

    /// <summary>The wait before the next attempt, or null when the attempts are used up.</summary>
    /// <param name="attemptsMade">Attempts since the delivery began or was asked for again.</param>
    /// <param name="jitter">0 to 1, evenly distributed; moves the wait by up to 10 % either way, so that retries do not come in waves.</param>
    /// <param name="retryAfter">What the endpoint asked for; the later of both counts.</param>
    public TimeSpan? Next(int attemptsMade, double jitter, TimeSpan? retryAfter = null)
    {
        if (attemptsMade >= waits.Count)
        {
            return null;
        }

        var wait = waits[attemptsMade] * (0.9 + (0.2 * jitter));
        var asked = retryAfter > LongestRetryAfter ? LongestRetryAfter : retryAfter ?? TimeSpan.Zero;
        return asked > wait ? asked : wait;
    }
}
