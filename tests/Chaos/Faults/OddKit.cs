using System.Collections.Concurrent;
using System.Text;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Cluster;
using Shop.Contracts;

namespace Shop.Chaos.Faults;

/// <summary>
/// Messages of strangers that are odd in everything but their body: ids and types that are long or have characters in them that no database takes, headers that
/// are no text, content types that nobody knows, bodies of megabytes. Put into every exchange, and into every queue, those of the dead letters included.
/// </summary>
public sealed class OddKit(ShopCluster cluster)
{
    private const int Huge = 2_000_000;
    private const string Json = "application/json";

    private readonly ConcurrentQueue<(string Mark, string Service, string How)> _planted = new();

    /// <summary>A word in the body of each that the broker has taken, the service whose queue it was put into, and what is odd about it.</summary>
    public IReadOnlyCollection<(string Mark, string Service, string How)> Planted => _planted;

    public async Task PlantAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = cluster.Impersonator }.CreateConnectionAsync();
        var channel = await OpenAsync(connection);
        foreach (var (exchange, routingKey, oddity, services) in await PlacesAsync())
        {
            if (!await PublishAsync(channel, exchange, routingKey, oddity.How, oddity.Make, services))
            {
                await channel.DisposeAsync();
                channel = await OpenAsync(connection);
            }
        }

        await channel.DisposeAsync();
    }

    /// <summary>Everything odd into every queue; into every exchange one of it, by turns.</summary>
    private async Task<IReadOnlyList<(
        string Exchange, string RoutingKey, (string How, Action<BasicProperties, Dictionary<string, object?>> Make) Oddity, string[] Services)>> PlacesAsync()
    {
        var queues = (await cluster.Vhost.GetAsync("queues"))
            .EnumerateArray()
            .Where(q => q.GetProperty("durable").GetBoolean())
            .Select(q => q.GetProperty("name").GetString()!);
        var places = (from queue in queues
                      where ServiceOf(queue) is not null
                      from oddity in Oddities
                      select (
            "", queue, oddity, new[] { ServiceOf(queue)! })).ToList();
        foreach (var exchange in ShopContracts.Catalogue.All.Select(e => e.Type))
        {
            var bindings = await cluster.Vhost.GetAsync($"exchanges/{exchange}/bindings/source");
            places.Add((exchange, exchange, Oddities[places.Count % Oddities.Count],
                [.. bindings.EnumerateArray().Select(b => ServiceOf(b.GetProperty("destination").GetString()!)).OfType<string>().Distinct()]));
        }

        return places;

        static string? ServiceOf(string queue) => Invariants.Oracle.ServiceNames.FirstOrDefault(s => queue.StartsWith(s + ".", StringComparison.Ordinal));
    }

    /// <summary>With confirms: what the broker has not taken, nobody can be asked about.</summary>
    private static Task<IChannel> OpenAsync(IConnection connection) =>
        connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    /// <summary>What is odd, and the message, given the type that the exchange is for.</summary>
    private static IReadOnlyList<(string How, Action<BasicProperties, Dictionary<string, object?>> Make)> Oddities { get; } =
    [
        ("a long id", (_, h) => h[CloudEventHeaders.Id] = $"{PoisonKit.MarkPrefix}-{Guid.NewGuid()}{new string('i', 4_000)}"),
        ("an id with NUL", (_, h) => h[CloudEventHeaders.Id] = $"{PoisonKit.MarkPrefix}\0{Guid.NewGuid()}\0"),
        ("an id with line breaks", (_, h) => h[CloudEventHeaders.Id] = $"{PoisonKit.MarkPrefix}\r\n{Guid.NewGuid()}\r\n\u2028"),
        ("a message id with NUL and no other", (p, h) => { h.Remove(CloudEventHeaders.Id); p.MessageId = $"{PoisonKit.MarkPrefix}\0{Guid.NewGuid()}"; }),
        ("no id at all", (p, h) => { h.Remove(CloudEventHeaders.Id); p.ClearMessageId(); }),
        ("a long type", (_, h) => h[CloudEventHeaders.Type] = "shop." + new string('t', 4_000)),
        ("a type with NUL and line breaks", (_, h) => h[CloudEventHeaders.Type] = "shop.\0order\r\n.placed.v1"),
        ("a subject with NUL", (_, h) => h[CloudEventHeaders.Subject] = "nobody\0"),
        ("headers that are no UTF-8", (_, h) => { h[CloudEventHeaders.Id] = Guid.NewGuid()
            .ToByteArray()
            .Concat(new byte[] { 0xFF, 0xFE, 0x00, 0xC3 })
            .ToArray(); h["x-\u0001"] = new byte[] { 0x00 }; }),
        ("headers that are no text", (_, h) =>
        {
            h[CloudEventHeaders.Time] = new Dictionary<string, object?> { ["nested\0"] = new List<object?> { 1L, true, null, "\0" } };
            h[CloudEventHeaders.Sequence] = 3.5;
            h["x-list"] = new List<object?> { new Dictionary<string, object?> { ["deep"] = "\u0000" } };
        }),
        ("half a surrogate pair in a header", (_, h) => h[CloudEventHeaders.Source] = Encoding.UTF8.GetBytes("urn:")
            .Concat(new byte[] { 0xED, 0xA0, 0x80 })
            .ToArray()),
        ("no headers", (_, h) => h.Clear()),
        ("an unknown content type", (p, _) => p.ContentType = "image/png"),
        ("a content type that is none", (p, _) => p.ContentType = "\0; charset=\r\n"),
        ("a long content type", (p, _) => p.ContentType = "application/" + new string('j', 200)),
        ("no content type", (p, _) => p.ClearContentType()),
        ("an envelope with a type that has NUL", (p, _) => p.ContentType = "application/vnd.masstransit+json"),
        ("a body of megabytes", (_, _) => { }),
        ("nothing odd, behind the others", (_, _) => { }),
    ];

    /// <returns>Whether the broker took it and the channel is still open.</returns>
    private async Task<bool> PublishAsync(
        IChannel channel, string exchange, string routingKey, string how, Action<BasicProperties, Dictionary<string, object?>> make, string[] services)
    {
        var id = Guid.Parse(PoisonKit.MarkPrefix + Guid.NewGuid().ToString()[8..]).ToString();
        var mark = $"{PoisonKit.MarkPrefix}-{Guid.NewGuid():n}";
        var type = exchange.Length > 0 ? exchange : ShopContracts.Catalogue.All[0].Type;
        var headers = new CloudEventEnvelope(id, "urn:shop:chaos", type, DateTimeOffset.UtcNow, "nobody").ToHeaders().ToDictionary(
            h => h.Key, h => (object?)h.Value);
        var properties = new BasicProperties
        {
            MessageId = id, UserId = cluster.AccountOf(ShopContracts.Catalogue.OwnerOf(type, "") ?? "orders"), Persistent = true, ContentType = Json,
        };
        make(properties, headers);
        headers[Echo.Mark] = true;   // a stranger's, and not to be told again
        properties.Headers = headers;
        var body = properties.ContentType?.EndsWith("masstransit+json", StringComparison.Ordinal) == true
            ? $$"""{ "messageType": ["urn:message:\u0000{{new string('m', 3_000)}}"], "message": { "mark": "{{mark}}" } }"""
            : $$"""{ "mark": "{{mark}}"{{(how.Contains("megabytes", StringComparison.Ordinal) ? $""", "more": "{new string('b', Huge)}" """ : "")}} }""";
        try
        {
            await channel.BasicPublishAsync(exchange, routingKey, mandatory: false, properties, Encoding.UTF8.GetBytes(body));
            foreach (var service in services)
            {
                _planted.Enqueue((mark, service, $"{how} ({(exchange.Length > 0 ? exchange : routingKey)})"));
            }

            return true;
        }
        catch (Exception e) when (e is PublishException or AlreadyClosedException or OperationInterruptedException)
        {
            // The broker refuses it: then nobody has to bear it.
            return false;
        }
    }
}
