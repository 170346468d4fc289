using System.Threading.Channels;

namespace Chassis;

/// <summary>Within this process.</summary>
public sealed class InMemoryEventBus : EventBus
{
    // Whoever listens does not wait, so that so many never wait together; should they, the oldest are what the next look finds anyway.
    private const int Most = 10_000;

    private Channel<(string Topic, ReadOnlyMemory<byte> Body)>? _events;
    private Task _delivering = Task.CompletedTask;

    public override bool IsShared => false;

    protected override string? Trouble => _events is null ? "It was not started, or has stopped." : null;

    public override Task StartAsync(CancellationToken ct)
    {
        var options = new BoundedChannelOptions(Most) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest };
        var events = Channel.CreateBounded<(string, ReadOnlyMemory<byte>)>(options, _ => NoteLost());
        _events = events;
        _delivering = DeliverAsync(events.Reader);
        return Task.CompletedTask;
    }

    public override async Task StopAsync(CancellationToken ct)
    {
        Interlocked.Exchange(ref _events, null)?.Writer.TryComplete();
        await _delivering.WaitAsync(ct);
    }

    protected override bool TrySend(string topic, ReadOnlyMemory<byte> body) => _events?.Writer.TryWrite((topic, body)) ?? false;

    private async Task DeliverAsync(ChannelReader<(string Topic, ReadOnlyMemory<byte> Body)> events)
    {
        await Task.Yield();
        await foreach (var (topic, body) in events.ReadAllAsync())
        {
            Deliver(topic, body);
        }
    }
}
