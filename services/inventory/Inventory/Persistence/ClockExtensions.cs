namespace Inventory.Persistence;

internal static class ClockExtensions
{
    /// <summary>Now, in the microseconds that the database keeps: what is told at once equals what is read and told again later.</summary>
    public static DateTimeOffset Now(this TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
