using System.Text.Json;
using Chassis.Testing;
using RabbitMQ.Client;

namespace Shop.Chaos.Faults;

/// <summary>Deletes exchanges, bindings and queues under the running services, and knows what there was.</summary>
public sealed class TopologyKit(TestVhost vhost)
{
    private readonly HashSet<string> _known = [];

    /// <summary>Every exchange, queue and binding that was there before one was deleted and outlives connections.</summary>
    public IReadOnlyCollection<string> Known => _known;

    public async Task DeleteAsync(Func<IChannel, Task> what)
    {
        _known.UnionWith(await ReadAsync());
        await using var connection = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await what(channel);
    }

    public async Task<IReadOnlyList<string>> MissingAsync() => [.. _known.Except(await ReadAsync()).Order(StringComparer.Ordinal)];

    private async Task<HashSet<string>> ReadAsync()
    {
        var lasting = new HashSet<string>();
        foreach (var kind in (string[])["exchange", "queue"])
        {
            lasting.UnionWith(
                from item in (await vhost.GetAsync(kind + "s")).EnumerateArray()
                where item.GetProperty("durable").GetBoolean() && !item.GetProperty("auto_delete").GetBoolean() && Text(item, "name") != ""
                select $"{kind} {Text(item, "name")}");
        }

        // Of the broker's own exchange each queue is bound to, nobody can take one away.
        var bindings =
            from item in (await vhost.GetAsync("bindings")).EnumerateArray()
            let source = Text(item, "source")
            let destination = $"{Text(item, "destination_type")} {Text(item, "destination")}"
            where lasting.Contains("exchange " + source) && lasting.Contains(destination)
            select $"binding of {destination} to {source} with '{Text(item, "routing_key")}'";
        return [.. lasting, .. bindings];
    }

    private static string Text(JsonElement item, string property) => item.GetProperty(property).GetString()!;
}
