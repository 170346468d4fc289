using Chassis.Testing;

namespace Messaging.Tests;

internal static class VhostExtensions
{
    /// <summary>Messages that wait or are not acknowledged yet.</summary>
    /// <param name="vhost">The tests of a class share it.</param>
    /// <param name="queue">Of this queue; without it of all work queues, also of those that another test has left without a consumer.</param>
    public static async Task<long> MessagesAsync(this TestVhost vhost, string? queue = null)
    {
        var queues = await vhost.GetAsync("queues");
        return queues.EnumerateArray()
            .Where(
                q => queue is null
                    ? q.GetProperty("name").GetString()!.StartsWith("work.", StringComparison.Ordinal)
                    : q.GetProperty("name").GetString() == queue)
            .Sum(q => q.TryGetProperty("messages", out var messages) ? messages.GetInt64() : 1);
    }
}
