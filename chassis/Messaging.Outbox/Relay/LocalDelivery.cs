using System.Diagnostics;
using Chassis.Messaging.Model;
using Microsoft.Extensions.Logging;

namespace Chassis.Messaging.Relay;

/// <summary>
/// What a service sends to a queue of its own goes from the outbox straight into that queue's pipeline, after the commit. Rows of one queue and key are handled
/// one after the other, in the order in which they leave; what fails in the pipeline is redelivered or becomes a dead letter as it would behind the broker.
/// ADR: docs/adr/0002-own-outbox-storage.md.
/// </summary>
internal sealed partial class LocalDelivery(ILocalEndpoints endpoints, MessagingMetrics metrics, TimeProvider clock, ILogger<LocalDelivery> logger)
{
    /// <summary>Why a row is put back: what counts is that it is not the row's fault.</summary>
    public const string Reason = "It could not be handled here just now.";

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Queue, string Key), Task> _last = [];
    private readonly HashSet<OutboxRow> _inFlight = [];
    private Action<OutboxRow, string?> _settled = (_, _) => { };
    private Action<OutboxRow> _forgotten = _ => { };

    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _inFlight.Count;
            }
        }
    }

    /// <param name="settled">Told of a row that is done with and still there, and with <see cref="Reason"/> of one that is to be put back.</param>
    /// <param name="forgotten">Told of a row that is gone, or somebody else's by now.</param>
    public void Begin(Action<OutboxRow, string?> settled, Action<OutboxRow> forgotten) => (_settled, _forgotten) = (settled, forgotten);

    /// <returns>Whether the row is delivered here, and not by the broker.</returns>
    public bool TryTake(OutboxRow row, bool isAgain)
    {
        if (row.RoutingKey.Length > 0 || Find(row.Exchange) is not { } endpoint)
        {
            return false;
        }

        row.IsLocal = true;
        lock (_lock)
        {
            _inFlight.Add(row);
            var key = (row.Exchange, row.Key ?? string.Empty);
            var before = row.Key is not null && _last.TryGetValue(key, out var last) ? last : Task.CompletedTask;
            var delivery = Task.Run(() => DeliverAsync(endpoint, new LocalMessage(row, isAgain, clock), before));
            if (row.Key is not null)
            {
                _last[key] = delivery;
                delivery.ContinueWith(done => Forget(key, done), TaskScheduler.Default);
            }
        }

        return true;
    }

    // Whoever hands over has committed: that must not fail for want of a pipeline, and over the broker it goes as well.
    private ILocalEndpoint? Find(string queue)
    {
        try
        {
            return endpoints.Find(queue);
        }
        catch (Exception e)
        {
            LogNoPipeline(queue, e);
            return null;
        }
    }

    /// <summary>What belongs to this process no longer than until then.</summary>
    public List<OutboxRow> OwnedUntil(long timestamp)
    {
        lock (_lock)
        {
            return [.. _inFlight.Where(row => row.OwnedUntil < timestamp)];
        }
    }

    private async Task DeliverAsync(ILocalEndpoint endpoint, LocalMessage message, Task before)
    {
        // Whoever has handed the row over is done with it: what its consumer does is not part of that span.
        Activity.Current = null;
        var row = message.Row;
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await endpoint.Room.EnterAsync(row.TenantOrNone);
        string? error = null;
        try
        {
            if (clock.GetTimestamp() > row.OwnedUntil)
            {
                message.IsGone = true;
                return;
            }

            await endpoint.ConsumeAsync(message);
            metrics.DeliveredLocally(row.Exchange, clock.GetUtcNow() - row.Since);
        }
        catch (Exception e)
        {
            error = Reason;
            LogFailed(row.MessageId, row.Exchange, e.Message);
        }
        finally
        {
            endpoint.Room.Leave();
            lock (_lock)
            {
                _inFlight.Remove(row);
            }

            if (message.IsGone)
            {
                _forgotten(row);
            }
            else
            {
                _settled(row, error);
            }
        }
    }

    private void Forget((string Queue, string Key) key, Task done)
    {
        lock (_lock)
        {
            if (_last.TryGetValue(key, out var last) && last == done)
            {
                _last.Remove(key);
            }
        }
    }

    [LoggerMessage(2006, LogLevel.Error, "What the service sends to its own queue {Queue} goes over the broker: it has no pipeline here.",
        EventName = "outbox.local_delivery.no_pipeline")]
    private partial void LogNoPipeline(string queue, Exception exception);

    [LoggerMessage(2005, LogLevel.Warning, "Message {MessageId} to {Queue} goes back to the outbox, it cannot be handled here just now: {Reason}",
        EventName = "outbox.local_delivery.failed")]
    private partial void LogFailed(Guid messageId, string queue, string reason);
}
