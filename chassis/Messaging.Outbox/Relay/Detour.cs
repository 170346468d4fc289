using System.Threading.Channels;
using Chassis.Messaging.Model;

namespace Chassis.Messaging.Relay;

/// <summary>
/// A connection of its own for the messages to one destination that has not confirmed in time, as long as that is so. A channel of the broker that waits for a
/// queue without a quorum does nothing else, and a connection with such a channel is not read any more: whoever shares it waits as well, however healthy its
/// own queue is.
/// </summary>
/// <param name="open">Opens the connection, with the place to tell what became of each message and the number that may be under way.</param>
/// <param name="outcomes">Where to tell what became of the messages.</param>
/// <param name="patience">How long a confirmation may take.</param>
/// <param name="clock">Measures it.</param>
internal sealed class Detour(
    Func<Action<OutboxRow, string?>, int, CancellationToken, Task<ConfirmingPublisher>> open, Detour.Outcomes outcomes, TimeSpan patience, TimeProvider clock)
{
    /// <summary>Why a message was not sent. No failed attempt: it will not be put aside for it.</summary>
    public const string Reason = "The broker does not confirm what is sent there: a queue may have lost its quorum.";

    // What is under way cannot be taken back from the broker, and comes once more with each new connection: few. Enough for a destination that was only slow.
    private const int Window = 32;
    private const int MaxWaiting = 1_000;

    // The broker answers at last, if only to refuse; what it has forgotten is not waited for. A new connection costs the late confirmations of the old one.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly Queue<OutboxRow> _waiting = [];
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _gate = new();
    private ConfirmingPublisher? _publisher;
    private bool _stuck;
    private bool _answered;

    private bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _answered && _waiting.Count == 0;
            }
        }
    }

    /// <summary>Sends the message on this way, or puts it off.</summary>
    /// <returns>False when the destination has answered: it needs no way of its own any more.</returns>
    public bool TryTake(OutboxRow row)
    {
        bool putOff;
        lock (_gate)
        {
            if (_answered)
            {
                return false;
            }

            putOff = _stuck ? _publisher is not { HasRoom: true } : _waiting.Count >= MaxWaiting;
            if (!putOff)
            {
                _waiting.Enqueue(row);
            }
        }

        if (putOff)
        {
            outcomes.Settled(row, Reason);
        }
        else
        {
            _signal.Writer.TryWrite(true);
        }

        return true;
    }

    /// <summary>What is held here and belongs to this process no longer than until then.</summary>
    public List<OutboxRow> OwnedUntil(long timestamp)
    {
        lock (_gate)
        {
            return [.. _waiting.Where(row => row.OwnedUntil < timestamp), .. _publisher?.OwnedUntil(timestamp) ?? []];
        }
    }

    /// <summary>Goes on until the destination has answered and nothing is left here.</summary>
    /// <param name="first">What was under way there when the detour began.</param>
    /// <param name="ct">Cancels; what is left is dropped.</param>
    public async Task RunAsync(IEnumerable<OutboxRow> first, CancellationToken ct)
    {
        lock (_gate)
        {
            foreach (var row in first)
            {
                _waiting.Enqueue(row);
            }
        }

        while (!IsOver && !ct.IsCancellationRequested)
        {
            try
            {
                await using var publisher = await open(Settled, Window, ct);
                await SendAsync(publisher, ct);
            }
            catch (Exception e) when (BrokerFailure.Is(e))
            {
                await Task.Delay(TimeSpan.FromSeconds(1), clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        // Nothing more is taken, also when it was ended from outside.
        lock (_gate)
        {
            _answered = true;
        }

        TakeWaiting().ForEach(outcomes.Dropped);
    }

    private async Task SendAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Use(publisher);
        _signal.Writer.TryWrite(true);
        var pump = PumpAsync(publisher, end.Token);
        try
        {
            while (!pump.IsCompleted && !publisher.Closed.IsCompleted && !(IsOver && publisher.IsIdle) && publisher.StuckFor < Longest)
            {
                await Task.WhenAny(pump, publisher.Closed, Task.Delay(patience / 20, clock, end.Token));
                if (publisher.StuckFor >= patience)
                {
                    GiveUp(publisher);
                }
            }
        }
        finally
        {
            await end.CancelAsync();
            await pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Use(null);
            foreach (var row in publisher.TakeUnsettled())
            {
                PutBack(row, ct);
            }
        }
    }

    private async Task PumpAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        while (true)
        {
            await _signal.Reader.ReadAsync(ct);
            while (publisher.HasRoom && Next() is { } row)
            {
                if (clock.GetTimestamp() > row.OwnedUntil)
                {
                    outcomes.Dropped(row);
                    continue;
                }

                try
                {
                    await publisher.PublishAsync(row, ct);
                }
                catch when (!publisher.Holds(row))
                {
                    PutBack(row, ct);
                    throw;
                }
            }
        }
    }

    private void PutBack(OutboxRow row, CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            outcomes.Dropped(row);
        }
        else
        {
            outcomes.Settled(row, Reason);
        }
    }

    private void GiveUp(ConfirmingPublisher publisher)
    {
        lock (_gate)
        {
            _stuck = true;
        }

        foreach (var row in (List<OutboxRow>)[.. publisher.GiveUp(), .. TakeWaiting()])
        {
            outcomes.Settled(row, Reason);
        }
    }

    // Runs on the connection's reading task. That what was given up is refused at last says nothing: the broker does so when it gets no answer from the queue
    // itself.
    private void Settled(OutboxRow row, string? error)
    {
        if (error is null || !row.GivenUp)
        {
            lock (_gate)
            {
                _answered = true;
            }
        }

        if (!row.GivenUp)
        {
            outcomes.Settled(row, error);
        }
        else if (error is null)
        {
            outcomes.ConfirmedLate(row);
        }

        _signal.Writer.TryWrite(true);
    }

    private void Use(ConfirmingPublisher? publisher)
    {
        lock (_gate)
        {
            _publisher = publisher;
        }
    }

    private OutboxRow? Next()
    {
        lock (_gate)
        {
            return _waiting.TryDequeue(out var row) ? row : null;
        }
    }

    private List<OutboxRow> TakeWaiting()
    {
        lock (_gate)
        {
            List<OutboxRow> rows = [.. _waiting];
            _waiting.Clear();
            return rows;
        }
    }

    /// <param name="Settled">What became of a message: null when it was confirmed, else why not.</param>
    /// <param name="ConfirmedLate">A message of which it was said before that it was not.</param>
    /// <param name="Dropped">A message that was not sent and is left to whoever sweeps next.</param>
    internal sealed record Outcomes(Action<OutboxRow, string?> Settled, Action<OutboxRow> ConfirmedLate, Action<OutboxRow> Dropped);
}
