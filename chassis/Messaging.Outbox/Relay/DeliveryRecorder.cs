using System.Threading.Channels;
using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Microsoft.Extensions.Logging;

namespace Chassis.Messaging.Relay;

/// <summary>Writes down in bulk what became of the rows: the confirmed ones are deleted, the refused ones put back or aside.</summary>
internal sealed partial class DeliveryRecorder(OutboxStore store, MessagingOptions options, MessagingMetrics metrics, TimeProvider clock, ILogger logger)
    : IDisposable
{
    private const int MaxBatch = 5_000;
    private static readonly TimeSpan BatchDelay = TimeSpan.FromMilliseconds(15);

    private readonly Channel<OutboxRow> _confirmed = Channel.CreateUnbounded<OutboxRow>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<(OutboxRow Row, string Error)> _refused =
        Channel.CreateUnbounded<(OutboxRow Row, string Error)>(new UnboundedChannelOptions { SingleReader = true });

    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _stopped;

    public void Start() => _running = Task.WhenAll(Task.Run(DeleteAsync), Task.Run(RefuseAsync));

    public void Confirmed(OutboxRow row) => _confirmed.Writer.TryWrite(row);

    public void Refused(OutboxRow row, string error) => _refused.Writer.TryWrite((row, error));

    /// <summary>Finishes what is known so far.</summary>
    public async Task StopAsync()
    {
        // A host may be stopped from two sides at once; whoever comes second waits, too, because it goes on to dispose.
        if (Interlocked.Exchange(ref _stopped, 1) == 0)
        {
            _stop.CancelAfter(options.DrainTimeout);
            Complete();
        }

        await _running;
    }

    public void Dispose()
    {
        // Whoever stops after that has nothing to wait for.
        if (Interlocked.Exchange(ref _stopped, 1) == 0)
        {
            _stop.Cancel();
            Complete();
        }

        _stop.Dispose();
    }

    private void Complete()
    {
        _confirmed.Writer.TryComplete();
        _refused.Writer.TryComplete();
    }

    private async Task DeleteAsync()
    {
        var confirmed = new List<OutboxRow>();
        while (await _confirmed.Reader.WaitToReadAsync())
        {
            // A moment's patience makes one statement out of many.
            if (!_confirmed.Reader.Completion.IsCompleted)
            {
                await Task.Delay(BatchDelay, clock);
            }

            var now = clock.GetUtcNow();
            while (confirmed.Count < MaxBatch && _confirmed.Reader.TryRead(out var row))
            {
                confirmed.Add(row);
                if (!row.IsLocal)
                {
                    metrics.DeliveryAge(now - row.Since);
                }
            }

            metrics.Delivered(confirmed.Count(row => !row.IsLocal));
            if (!await RetryUntilDoneAsync(() => store.DeleteAsync(confirmed, _stop.Token)))
            {
                return;
            }

            confirmed.Clear();
        }
    }

    private async Task RefuseAsync()
    {
        var refused = new List<(OutboxRow Row, string Error)>();
        while (await _refused.Reader.WaitToReadAsync())
        {
            while (refused.Count < MaxBatch && _refused.Reader.TryRead(out var item))
            {
                refused.Add(item);
                metrics.Refused();
            }

            foreach (var group in refused.GroupBy(r => r.Error, r => r.Row))
            {
                OutboxRow[] rows = [.. group];
                var limit = group.Key is VanishedExchanges.Reason or Detour.Reason or LocalDelivery.Reason ? int.MaxValue : options.SendAttempts;
                if (!await RetryUntilDoneAsync(async () =>
                {
                    var parked = await store.RefuseAsync(rows, group.Key, options.SendBackoff, limit, _stop.Token);
                    LogRefused(logger, rows.Length, group.Key, parked);
                }))
                {
                    return;
                }
            }

            refused.Clear();
        }
    }

    /// <summary>Tries until the database answers. When the process stops meanwhile the rows stay, and are sent once more by whoever sweeps next.</summary>
    private async Task<bool> RetryUntilDoneAsync(Func<Task> action)
    {
        while (true)
        {
            try
            {
                await action();
                return true;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return false;
            }
            catch (Exception e) when (DatabaseFailure.Is(e))
            {
                LogFailed(logger, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (_stop.IsCancellationRequested)
                {
                    return false;
                }
            }
        }
    }

    [LoggerMessage(2011, LogLevel.Warning, "The broker refused {Count} messages ({Reason}); {Parked} of them have used up their attempts and are parked.",
        EventName = "outbox.messages_refused")]
    private static partial void LogRefused(ILogger logger, int count, string reason, int parked);

    [LoggerMessage(2012, LogLevel.Warning, "The outcome of deliveries could not be written down, trying again: {Reason}",
        EventName = "outbox.outcomes_unwritten")]
    private static partial void LogFailed(ILogger logger, string reason);
}
