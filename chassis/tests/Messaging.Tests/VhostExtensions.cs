using Chassis.Testing;

namespace Messaging.Tests;

internal static class VhostExtensions
{
    /// <summary>Messages in the work queues that wait or are not acknowledged yet.</summary>
    public static async Task<long> MessagesAsync(this TestVhost vhost)
    {
        var queues = await vhost.GetAsync("queues");
        return queues.EnumerateArray()
            .Where(q => q.GetProperty("name").GetString()!.StartsWith("work.", StringComparison.Ordinal))
            .Sum(q => q.TryGetProperty("messages", out var messages) ? messages.GetInt64() : 1);
    }
}
