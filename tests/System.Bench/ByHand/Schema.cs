using System.Text;
using Npgsql;
using RabbitMQ.Client;

namespace Shop.SystemBench.ByHand;

/// <summary>Tables and queues with what the services' have: keys, an index or two, quorum queues behind fanout exchanges.</summary>
internal static class Schema
{
    public const int Skus = 12;

    /// <summary>As long as a message or an event's row of the services is, give or take.</summary>
    public static readonly string Text = $$"""{"text":"{{new string('x', 400)}}"}""";

    public static readonly byte[] Body = Encoding.UTF8.GetBytes(Text);

    private const string Tables =
        """
        CREATE TABLE inbox (message_id uuid NOT NULL, consumer text NOT NULL, received_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (message_id, consumer));
        CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id uuid NOT NULL, type text NOT NULL, order_id uuid NOT NULL,
            body bytea NOT NULL, token uuid, due_at timestamptz NOT NULL) WITH (fillfactor = 80);
        CREATE INDEX outbox_due ON outbox (due_at);
        CREATE INDEX outbox_token ON outbox (token) WHERE token IS NOT NULL;
        CREATE TABLE records (id uuid PRIMARY KEY, order_id uuid NOT NULL, body jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
        CREATE INDEX records_order ON records (order_id, created_at);
        CREATE TABLE states (order_id uuid NOT NULL, kind text NOT NULL, version integer NOT NULL, body jsonb NOT NULL, changed_at timestamptz NOT NULL,
            PRIMARY KEY (order_id, kind)) WITH (fillfactor = 70);
        CREATE TABLE stock (sku integer PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 40);
        INSERT INTO stock SELECT n, 0 FROM generate_series(0, 11) AS n;
        """;

    public static string ExchangeOf(string message) => "byhand." + message;

    public static async Task CreateAsync(NpgsqlDataSource database, IConnection broker, OrderPath path)
    {
        await using (var command = database.CreateCommand(Tables))
        {
            await command.ExecuteNonQueryAsync();
        }

        await using var channel = await broker.CreateChannelAsync();
        foreach (var (message, queues) in path.Queues)
        {
            await channel.ExchangeDeclareAsync(ExchangeOf(message), ExchangeType.Fanout, durable: true);
            foreach (var queue in queues)
            {
                await channel.QueueDeclareAsync(
                    queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
                await channel.QueueBindAsync(queue, ExchangeOf(message), string.Empty);
            }
        }
    }
}
