using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging;

/// <summary>What was sent to a queue for a later time, for whoever does not want to wait that long.</summary>
public interface ICommandTimers
{
    /// <summary>
    /// Makes due what waits for a queue under a key, when the transaction commits. What is due in a moment anyway, and may be on its way, is left as it is.
    /// </summary>
    /// <param name="context">The service's context, in a transaction.</param>
    /// <param name="queue">Name of the queue.</param>
    /// <param name="key">What it is about, as it was sent.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Whether something waits there. If nothing does it may be with its consumer, or not have been sent.</returns>
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    Task<bool> HastenAsync(DbContext context, string queue, Guid key, CancellationToken ct);
}
