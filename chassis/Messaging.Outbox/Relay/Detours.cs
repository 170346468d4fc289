using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chassis.Messaging.Model;

namespace Chassis.Messaging.Relay;

/// <summary>The destinations to which messages go by a way of their own (<see cref="Detour"/>), because what was sent there was not confirmed.</summary>
internal sealed class Detours(Func<Detour> make)
{
    // Asked for every message, and nearly always empty.
    private ImmutableDictionary<(string Exchange, string RoutingKey), Detour> _detours = ImmutableDictionary.Create<(string, string), Detour>();
    private readonly ConcurrentDictionary<Task, CancellationTokenSource> _running = new();

    /// <summary>How many there are.</summary>
    public int Count => _detours.Count;

    /// <summary>Sends these messages by ways of their own, one for each destination, and all that follow them until it has answered.</summary>
    public void Begin(IEnumerable<OutboxRow> unconfirmed)
    {
        foreach (var rows in unconfirmed.GroupBy(Destination))
        {
            var detour = make();
            ImmutableInterlocked.AddOrUpdate(ref _detours, rows.Key, detour, (_, _) => detour);
            var end = new CancellationTokenSource();
            var running = Task.Run(() => detour.RunAsync(rows, end.Token), CancellationToken.None);
            _running[running] = end;
            running.ContinueWith(
                _ =>
                {
                    ImmutableInterlocked.Update(ref _detours, detours => detours.GetValueOrDefault(rows.Key) == detour ? detours.Remove(rows.Key) : detours);
                    _running.TryRemove(running, out CancellationTokenSource? _);
                    end.Dispose();
                },
                TaskScheduler.Default);
        }
    }

    /// <returns>Whether the message goes by a way of its own.</returns>
    public bool TryTake(OutboxRow row) => !_detours.IsEmpty && _detours.TryGetValue(Destination(row), out var detour) && detour.TryTake(row);

    /// <summary>What is held on the way and belongs to this process no longer than until then.</summary>
    public List<OutboxRow> OwnedUntil(long timestamp) => _detours.IsEmpty ? [] : [.. _detours.Values.SelectMany(detour => detour.OwnedUntil(timestamp))];

    /// <summary>Ends all of them. What they hold is left to whoever sweeps next.</summary>
    public async Task EndAsync()
    {
        foreach (var end in _running.Values)
        {
            try
            {
                await end.CancelAsync();
            }
            catch (ObjectDisposedException)
            {
                // It has just come to its own end.
            }
        }

        await Task.WhenAll(_running.Keys);
    }

    private static (string Exchange, string RoutingKey) Destination(OutboxRow row) => (row.Exchange, row.RoutingKey);
}
