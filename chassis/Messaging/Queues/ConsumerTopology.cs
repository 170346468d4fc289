using System.Collections;
using MassTransit;

namespace Chassis.Messaging.Queues;

/// <summary>An exchange as a receive endpoint wants it.</summary>
internal sealed record WantedExchange(string Name, string Type);

/// <summary>A binding as a receive endpoint wants it; between exchanges, or from an exchange to a queue.</summary>
internal sealed record WantedBinding(string Source, string Destination, string RoutingKey);

/// <summary>What the receive endpoints of this process have declared on the broker, as the transport itself describes it.</summary>
internal sealed record ConsumerTopology(
    IReadOnlyList<WantedExchange> Exchanges,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, object?>> Queues,
    IReadOnlyList<WantedBinding> ExchangeBindings,
    IReadOnlyList<WantedBinding> QueueBindings)
{
    /// <summary>Durable endpoints only: what a process has for itself ends with its connection.</summary>
    public static ConsumerTopology Of(IBus bus)
    {
        var exchanges = new Dictionary<string, WantedExchange>();
        var queues = new Dictionary<string, IReadOnlyDictionary<string, object?>>();
        var (exchangeBindings, queueBindings) = (new HashSet<WantedBinding>(), new HashSet<WantedBinding>());
        foreach (var endpoint in Each(bus.GetProbeResult().Results, "bus").SelectMany(b => Each(b, "host")).SelectMany(h => Each(h, "receiveEndpoint")))
        {
            foreach (var topology in Each(endpoint, "receiveTransport").SelectMany(t => Each(t, "topology")))
            {
                var queue = Each(topology, "queue").FirstOrDefault(q => q["durable"] is true);
                if (queue is null)
                {
                    continue;
                }

                queues[Text(queue, "name")] = Each(queue, "argument").ToDictionary(a => Text(a, "key"), a => a["value"]);
                foreach (var exchange in Each(topology, "exchange"))
                {
                    exchanges[Text(exchange, "name")] = new WantedExchange(Text(exchange, "name"), Text(exchange, "type"));
                }

                exchangeBindings.UnionWith(Each(topology, "exchange-binding").Select(Binding));
                queueBindings.UnionWith(Each(topology, "queue-binding").Select(Binding));
            }
        }

        return new ConsumerTopology([.. exchanges.Values], queues, [.. exchangeBindings], [.. queueBindings]);
    }

    private static WantedBinding Binding(IDictionary<string, object?> binding) =>
        new(Text(binding, "source"), Text(binding, "destination"), Text(binding, "routingKey"));

    private static string Text(IDictionary<string, object?> item, string name) =>
        item.TryGetValue(name, out var value) ? value?.ToString() ?? string.Empty : string.Empty;

    // What there is once stands alone, what there is several times in a list.
    private static IEnumerable<IDictionary<string, object?>> Each(IDictionary<string, object?> item, string name) => item.TryGetValue(name, out var value)
        ? value switch
        {
            IDictionary<string, object?> one => [one],
            IEnumerable many => many.OfType<IDictionary<string, object?>>(),
            _ => [],
        }
        : [];
}
