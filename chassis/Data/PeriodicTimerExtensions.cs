namespace Chassis.Data;

/// <summary>For loops with a rhythm of their own.</summary>
public static class PeriodicTimerExtensions
{
    /// <summary>Waits for the next tick.</summary>
    /// <returns>False when the service stops, instead of an exception.</returns>
    public static async Task<bool> NextAsync(this PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
