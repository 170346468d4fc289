using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Chaos.Faults;
using Shop.Cluster;
using Shop.Contracts;

namespace Shop.Chaos.Fuzz;

/// <summary>
/// Messages near the contracts, into every exchange and every queue, under the accounts of those who may send there: golden samples and commands with none, one
/// or more things changed in body, headers and properties. They are about nobody and nothing that the market knows.
/// </summary>
public sealed partial class MessageFuzzer(Stage stage, int seed)
{
    private const int Workers = 4;

    private static readonly (string Queue, string Type, string Message)[] Commands =
    [
        (
            "inventory.commands",
            "Shop.Contracts.Inventory.V1:ReserveStock",
            """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001","userId":"0198f1a2-7c00-7000-8000-00000000b001","items":[{"sku":"FUZZ-1","quantity":1}]}"""),
        ("inventory.commands", "Shop.Contracts.Inventory.V1:ReleaseStock", """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001","reason":"cancelled"}"""),
        (
            "inventory.commands",
            "Shop.Contracts.Inventory.V1:ShipOrder",
            """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001","userId":"0198f1a2-7c00-7000-8000-00000000b001","address":{"name":"A","line1":"B","city":"C","postalCode":"1","country":"DE"}}"""),
        ("orders.fulfilment", "Orders.Fulfilment:StartFulfilment", """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001"}"""),
        ("orders.commands", "Orders.Fulfilment:ConfirmOrder", """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001"}"""),
        ("orders.payments", "Orders.Fulfilment:CapturePayment", """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001"}"""),
        (
            "orders.payments.calls",
            "Orders.Payments:ExecutePayment",
            """{"orderId":"0198f1a2-7c00-7000-8000-00000000a001","operation":"capture","isClaimed":true}"""),
    ];

    private readonly (string Type, JsonNode Body)[] _samples =
    [
        .. Directory.GetFiles(Path.Combine(ShopCluster.Root, "contracts", "schemas", "samples"), "*.json", SearchOption.AllDirectories).Order(
            StringComparer.Ordinal)
            .Select(f => (Type: Path.GetFileName(Path.GetDirectoryName(f)!), Body: JsonNode.Parse(File.ReadAllText(f))!))
            .Where(s => ShopContracts.Catalogue.Find(s.Type) is not null),
    ];

    private int _sent;

    /// <summary>Those that the broker has taken.</summary>
    public int Sent => _sent;

    public async Task RunAsync(int messages)
    {
        await using var connection = await new ConnectionFactory { Uri = stage.Cluster.Impersonator }.CreateConnectionAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, Workers), async (worker, _) =>
        {
            var channel = await OpenAsync(connection);
            for (var i = worker; i < messages; i += Workers)
            {
                try
                {
                    await SendAsync(channel, new Random(unchecked((seed * 1_000_003) - i)));
                    Interlocked.Increment(ref _sent);
                }
                catch (Exception e) when (e is PublishException or AlreadyClosedException or OperationInterruptedException)
                {
                    // The broker refuses it: then nobody has to bear it.
                    await channel.DisposeAsync();
                    channel = await OpenAsync(connection);
                }
            }

            await channel.DisposeAsync();
        });
    }

    private static Task<IChannel> OpenAsync(IConnection connection) =>
        connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    private async Task SendAsync(IChannel channel, Random random)
    {
        var mangler = new Mangler(random);
        var changes = random.Next(4);
        var id = Marked(random);
        if (random.Next(4) == 0)
        {
            // A command is always wrong somewhere: a right one would do what it says.
            var (queue, type, message) = Commands[random.Next(Commands.Length)];
            var envelope = new JsonObject
            {
                ["messageId"] = id, ["messageType"] = new JsonArray($"urn:message:{type}"), ["message"] = Elsewhere(JsonNode.Parse(message)!, random),
            };
            await PublishAsync(
                channel, "", queue, mangler.Mangle(envelope, changes + 1), "application/vnd.masstransit+json", id, [], "orders", random, mangler);
            return;
        }

        var sample = _samples[random.Next(_samples.Length)];
        var headers = new CloudEventEnvelope(
            id,
            ShopContracts.Catalogue.SourceOf("fuzz"),
            sample.Type,
            TimeProvider.System.GetUtcNow(),
            Marked(random),
            "urn:shop:schema:" + sample.Type,
            Sequence: random.Next(1, 5))
            .ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value);
        if (random.Next(4) == 0)
        {
            // An id that is odd begins with the mark, so that what comes of it is known again.
            var name = headers.Keys.ElementAt(random.Next(headers.Count));
            headers[name] = name == CloudEventHeaders.Id ? PoisonKit.MarkPrefix + mangler.Text() : mangler.Text();
        }

        await PublishAsync(
            channel,
            sample.Type,
            "",
            mangler.Mangle(Elsewhere(sample.Body, random), changes),
            "application/json",
            id,
            headers,
            ShopContracts.Catalogue.Find(sample.Type)!.Publisher,
            random,
            mangler);
    }

    private async Task PublishAsync(
        IChannel channel,
        string exchange,
        string routingKey,
        byte[] body,
        string contentType,
        string id,
        Dictionary<string, object?> headers,
        string owner,
        Random random,
        Mangler mangler)
    {
        headers[Echo.Mark] = true;    // not to be told again
        headers["x-fuzz"] = PoisonKit.MarkPrefix;
        var properties = new BasicProperties
        {
            MessageId = id,
            UserId = stage.Cluster.AccountOf(owner),
            Persistent = true,
            ContentType = random.Next(20) == 0 ? Short(mangler.Text()) : contentType,
            Headers = headers,
        };
        await channel.BasicPublishAsync(exchange, routingKey, mandatory: false, properties, body);
    }

    /// <summary>About somebody else in every message, and nobody of the market: ids that are known again.</summary>
    private static JsonNode Elsewhere(JsonNode sample, Random random)
    {
        var others = new Dictionary<string, string>();
        return JsonNode.Parse(Ids().Replace(
            sample.ToJsonString(), m => others.TryGetValue(m.Value, out var other) ? other : others[m.Value] = Marked(random)))!;
    }

    private static string Marked(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return PoisonKit.MarkPrefix + new Guid(bytes).ToString()[8..];
    }

    // The protocol has no longer texts there.
    private static string Short(string text) => Encoding.UTF8.GetByteCount(text) > 200 ? text[..60] : text;

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Ids();
}
