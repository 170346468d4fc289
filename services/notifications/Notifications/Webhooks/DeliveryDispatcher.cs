using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Notifications.Queues;
using Notifications.Telemetry;
using Npgsql;

namespace Notifications.Webhooks;

/// <summary>
/// Delivers what is due. One loop claims, every attempt runs by itself, and a second loop writes results down in batches.
/// An endpoint's place is free again when it has taken a delivery, and after a failure when that is written down, so that the circuit is heard.
/// The process' place is free when the result is written, so that a database that is away stops the sending instead of filling memory.
/// </summary>
internal sealed partial class DeliveryDispatcher(
    DeliveryQueue queue,
    DeliveryClient client,
    WebhooksSignal signal,
    IOptions<WebhookOptions> options,
    NotificationMetrics metrics,
    TimeProvider clock,
    ILogger<DeliveryDispatcher> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    // Between two claims: places come back one by one, and a claim for each of them would be a query per delivery.
    private static readonly TimeSpan PauseBetweenClaims = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentDictionary<Guid, int> _busy = new();
    private readonly Channel<AttemptResult> _results = Channel.CreateUnbounded<AttemptResult>(new UnboundedChannelOptions { SingleReader = true });
    private int _underWay;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Recording outlives claiming: what was tried is written down before the service stops.
        using var recording = new CancellationTokenSource();
        var recorder = Task.Run(() => RecordResultsAsync(recording.Token), CancellationToken.None);
        await ClaimAndSendAsync(stoppingToken);
        _results.Writer.TryComplete();
        recording.CancelAfter(TimeSpan.FromSeconds(5));
        await recorder;
    }

    private async Task ClaimAndSendAsync(CancellationToken stopping)
    {
        var attempts = new ConcurrentDictionary<Guid, Task>();
        while (!stopping.IsCancellationRequested)
        {
            var claimed = 0;
            try
            {
                var room = options.Value.Concurrency - Volatile.Read(ref _underWay);
                foreach (var delivery in room > 0 ? await queue.ClaimAsync(_busy, room, stopping) : [])
                {
                    claimed++;
                    Interlocked.Increment(ref _underWay);
                    _busy.AddOrUpdate(delivery.WebhookId, 1, (_, n) => n + 1);
                    attempts[delivery.Claim] = Task.Run(
                        async () =>
                        {
                            await AttemptOneAsync(delivery, stopping);
                            attempts.TryRemove(delivery.Claim, out _);
                        },
                        CancellationToken.None);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                LogBroken(logger, e.Message);
                await Task.Delay(Look, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await Task.Delay(PauseBetweenClaims, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (claimed == 0)
            {
                await IdleAsync(stopping);
            }
        }

        await Task.WhenAll(attempts.Values);
    }

    private async Task AttemptOneAsync(ClaimedDelivery delivery, CancellationToken stopping)
    {
        using var span = NotificationTraces.Begin(delivery);
        if (await client.AttemptAsync(delivery, stopping) is { } result)
        {
            NotificationTraces.End(span, result);
            if (result.Delivered)
            {
                Leave(delivery.WebhookId);
                signal.Signal.Set();
            }

            await _results.Writer.WriteAsync(result, CancellationToken.None);
            return;
        }

        try
        {
            await queue.ReleaseAsync(delivery, CancellationToken.None);
        }
        catch (Exception e)
        {
            // Then the end of the claim releases it.
            LogBroken(logger, e.Message);
        }

        Leave(delivery.WebhookId);
        Interlocked.Decrement(ref _underWay);
    }

    private void Leave(Guid webhookId)
    {
        _busy.AddOrUpdate(webhookId, 0, (_, n) => n - 1);
        _busy.TryRemove(new KeyValuePair<Guid, int>(webhookId, 0));
    }

    private async Task IdleAsync(CancellationToken stopping)
    {
        try
        {
            await signal.Signal.WaitAsync(Look, clock, stopping);
        }
        catch (OperationCanceledException)
        {
            // The service stops.
        }
    }

    private async Task RecordResultsAsync(CancellationToken ct)
    {
        while (await _results.Reader.WaitToReadAsync(CancellationToken.None))
        {
            var batch = new List<AttemptResult>();
            while (batch.Count < 500 && _results.Reader.TryRead(out var result))
            {
                batch.Add(result);
            }

            await RecordUntilDoneAsync(batch, ct);
            foreach (var result in batch)
            {
                if (!result.Delivered)
                {
                    Leave(result.Delivery.WebhookId);
                }

                Interlocked.Decrement(ref _underWay);
                metrics.Attempted(result);
            }

            signal.Signal.Set();
        }
    }

    private async Task RecordUntilDoneAsync(List<AttemptResult> batch, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                foreach (var (status, count) in await queue.RecordAsync(batch, ct))
                {
                    metrics.DeliveriesEnded(status, count);
                }

                return;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (PostgresException e) when (!e.IsTransient && batch.Count > 1)
            {
                // One of them cannot be written; the others must not wait for it.
                LogBroken(logger, e.MessageText);
                foreach (var result in batch)
                {
                    await RecordUntilDoneAsync([result], ct);
                }

                return;
            }
            catch (PostgresException e) when (!e.IsTransient)
            {
                // The end of its claim brings it back.
                LogUnrecorded(logger, batch[0].Delivery.Id, e.MessageText);
                return;
            }
            catch (Exception e)
            {
                // Not recorded, an attempt is made again when its claim ends. That is allowed, and better avoided.
                LogBroken(logger, e.Message);
                await Task.Delay(Look, clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(5201, LogLevel.Warning, "Webhooks wait for the database: {Reason}", EventName = "webhook.waits_for_database")]
    private static partial void LogBroken(ILogger logger, string reason);

    [LoggerMessage(5202, LogLevel.Error, "An attempt of delivery {DeliveryId} could not be recorded: {Reason}", EventName = "webhook.attempt_unwritten")]
    private static partial void LogUnrecorded(ILogger logger, Guid deliveryId, string reason);
}

/// <summary>Wakes the dispatcher of webhooks.</summary>
public sealed record WebhooksSignal(WorkSignal Signal);
