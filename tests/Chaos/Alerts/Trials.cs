using System.Net.Http.Json;
using Chassis.Testing;
using Npgsql;
using RabbitMQ.Client;
using Shop.Chaos.Faults;
using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.Chaos.Alerts;

/// <summary>For each alert a fault that it is for.</summary>
internal static class Trials
{
    /// <summary>In this order: what takes longest to be over comes last.</summary>
    public static IReadOnlyList<Trial> All { get; } =
    [
        new("one of two processes of the users service is gone", ["ReplicaDown/users"], async stage =>
        {
            var replica = stage.Cluster.Of("users")[0];
            replica.Kill();
            return () => StartAsync(replica);
        }),
        new("a process of the notifications service ends again and again", ["ServiceRestarts/notifications"], async stage =>
        {
            var replica = stage.Cluster.Of("notifications")[0];
            for (var i = 0; i < 4; i++)
            {
                replica.Kill();
                await StartAsync(replica);
                await Task.Delay(TimeSpan.FromSeconds(3));      // seen by Prometheus
            }

            return Nothing;
        }),
        new("every statement of the orders service takes 300 ms longer", ["RequestsSlow/orders"], stage => LinkAsync(stage, "orders – database", LinkMode.Slow)),
        new("more requests wait for rows of orders than there are connections", ["PoolExhausted/orders"], async stage =>
        {
            var locked = await LockAsync(stage, "orders", "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
            var client = await ShopClient.OperatorAsync(stage.Cluster);
            var asked = Enumerable.Range(0, 250).Select(_ => AskAsync(client, "/v1/orders?limit=1")).ToList();
            return async () =>
            {
                await locked();
                await Task.WhenAll(asked);
                client.Dispose();
            };
        }),
        new("somebody holds a lock on the table of sales, in a transaction that does nothing", ["ProjectionLags/sales", "TransactionOpenForLong"],
            stage => LockAsync(stage, "orders", "LOCK TABLE sales_by_day IN ACCESS EXCLUSIVE MODE")),
        new("a reservation waits for the shelf's row", ["MessageInHandTooLong/inventory"],
            stage => LockAsync(stage, "inventory", "LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")),
        new("somebody is at work on the inbox of orders for weeks, and no part of it waits for its time", ["PartitionsRunOut/orders"], async stage =>
        {
            await stage.Cluster.Database("orders").ExecuteAsync(
                """
                DO $$
                DECLARE part partitions.parts; border uuid := partitions.first_id(partitions.beginning(now(), 7) + interval '7 days');
                BEGIN
                    ALTER TABLE messaging.inbox DETACH PARTITION messaging.inbox_open;
                    FOR part IN SELECT * FROM partitions.parts p WHERE p.of = 'messaging.inbox' AND p.begins >= border LOOP
                        EXECUTE format('DROP TABLE %s', part.name);
                    END LOOP;
                    SELECT ends INTO border FROM partitions.parts p WHERE p.of = 'messaging.inbox' ORDER BY ends DESC LIMIT 1;
                    EXECUTE format('ALTER TABLE messaging.inbox ATTACH PARTITION messaging.inbox_open FOR VALUES FROM (%L) TO (MAXVALUE)', border);
                END
                $$
                """);
            var locked = await LockAsync(stage, "orders", "LOCK TABLE messaging.inbox IN ROW EXCLUSIVE MODE");
            await RestartAsync(stage, "orders");
            return async () =>
            {
                await locked();
                await RestartAsync(stage, "orders");
            };
        }),
        new("somebody deletes an exchange", ["TopologyMended"], async stage =>
        {
            await stage.Topology.DeleteAsync(channel => channel.ExchangeDeleteAsync("shop.order.completed.v1"));
            return Nothing;
        }),
        new("the broker lets the notifications service read no queue", ["QueueWithoutConsumer/notifications"], async stage =>
        {
            var account = stage.Cluster.AccountOf("notifications");
            var before = await RightsAsync(stage, account);
            await SetRightsAsync(stage, account, before with { Read = "^$" });
            await stage.Cluster.Vhost.CloseConnectionsAsync();
            return () => SetRightsAsync(stage, account, before);
        }),
        new("nobody reads the inventory service's commands, and their queue is full", ["OutboxParked/orders"], async stage =>
        {
            var readers = stage.Cluster.Of("inventory");
            foreach (var replica in readers)
            {
                replica.Kill();
            }

            await LimitAsync(@"^inventory\.commands$");
            return async () =>
            {
                // The broker tells those whom it has refused that there is room when the queue becomes shorter, and not when the limit goes.
                await Task.WhenAll(readers.Select(StartAsync));
                await OperateAsync(stage, "orders", HttpMethod.Post, "/v1/ops/outbox/release");
                await Task.Delay(TimeSpan.FromSeconds(10));
                await LimitAsync("^no queue$");
                await OperateAsync(stage, "orders", HttpMethod.Post, "/v1/ops/outbox/release");
            };

            Task LimitAsync(string queues) => stage.Cluster.Vhost.PutResourceAsync("policies/full", new Dictionary<string, object>
            {
                ["pattern"] = queues, ["priority"] = 100, ["apply-to"] = "queues",
                ["definition"] = new Dictionary<string, object> { ["max-length"] = 50, ["overflow"] = "reject-publish" },
            });
        }),
        new("messages that no consumer can read", ["DeadLettersOpen", "MessagesGivenUp"], async stage =>
        {
            for (var i = 0; i < 4; i++)
            {
                await stage.Poison.PlantAsync();
            }

            return () => Task.WhenAll(ShopCluster.ServiceNames.Select(service =>
                stage.ExecuteAsync(service, "UPDATE messaging.dead_letters SET status = 'deleted' WHERE status = 'open'")));
        }),
        new("a partner's queue that nobody reads", ["QueueGrows/partner.forgotten"], async stage =>
        {
            var connection = await new ConnectionFactory { Uri = stage.Cluster.Vhost.Uri }.CreateConnectionAsync();
            var channel = await connection.CreateChannelAsync();
            await channel.QueueDeclareAsync("partner.forgotten", durable: true, exclusive: false, autoDelete: false);
            await PublishAsync(200);
            var stop = new CancellationTokenSource();
            var stopping = stop.Token;
            var growing = Task.Run(async () =>
            {
                while (!stopping.IsCancellationRequested)
                {
                    await PublishAsync(5);
                    await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
                }
            }, CancellationToken.None);
            return async () =>
            {
                await stop.CancelAsync();
                await growing;
                stop.Dispose();
                await channel.QueueDeleteAsync("partner.forgotten");
                await connection.DisposeAsync();
            };

            async Task PublishAsync(int count)
            {
                for (var i = 0; i < count; i++)
                {
                    await channel.BasicPublishAsync("", "partner.forgotten", new byte[10]);
                }
            }
        }),
        new("the broker has less memory than it uses", ["BrokerMemoryAlarm"], async stage =>
        {
            await stage.SetMemoryLimitAsync("1MB");
            return () => stage.SetMemoryLimitAsync(Stage.MemoryLimit);
        }),
        new("the broker's disk has too little room", ["BrokerDiskAlarm"], async _ =>
        {
            await TestServers.RabbitMqCtlAsync("-q", "set_disk_free_limit", "9000GB");
            return () => TestServers.RabbitMqCtlAsync("-q", "set_disk_free_limit", "50MB");
        }),
        new("nine of ten of the database's connections are in use", ["ConnectionsNearlyUsedUp"], async stage =>
        {
            var settings = new NpgsqlConnectionStringBuilder(stage.Administration) { Pooling = false, Database = "postgres" }.ConnectionString;
            var most = await ScalarAsync<int>(settings, "SELECT current_setting('max_connections')::int - count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'");
            var held = new List<NpgsqlConnection>();
            for (var i = 0; i < most - 60; i++)
            {
                held.Add(new NpgsqlConnection(settings));
                await held[^1].OpenAsync();
            }

            return async () =>
            {
                foreach (var connection in held)
                {
                    await connection.DisposeAsync();
                }
            };
        }),
        new("the broker is stopped", ["BrokerDown", "OutboxOld"], async stage =>
        {
            await stage.Servers.StopAsync(Servers.RabbitMq);
            return () => stage.Servers.StartAsync(Servers.RabbitMq);
        }),
        new("the database is stopped", ["DatabaseDown", "ServiceNotReady"], async stage =>
        {
            await stage.Servers.StopAsync(Servers.Postgres);
            return () => stage.Servers.StartAsync(Servers.Postgres);
        }),
        new("the payment provider answers every call with an error", ["PaymentProviderFails", "PaymentsUnknown"],
            stage => FailPaymentsAsync(stage, new { kind = "error_after", status = 500 })),
        new("the provider captures nothing, for what looks like hours", ["PaymentsStuck"], async stage =>
        {
            var heal = await FailPaymentsAsync(stage, new { kind = "error_before", operation = "capture", status = 503 });
            await Poll.UntilAsync(
                async () => await stage.QueryAsync<long>("orders", "SELECT count(*) FROM payments WHERE operation = 'capture'") > 0, "a capture to fail", TimeSpan.FromMinutes(1));
            await stage.ExecuteAsync("orders", "UPDATE payments SET operation_since = now() - interval '2 hours' WHERE operation = 'capture'");
            return heal;
        }),
        new("the mail server knows none of the customers", ["MailsFail"], stage => MailsAsync(stage, Behaviour.Reject)),
        new("the mail server puts mails off for two minutes", ["MailsWait", "ErrorBudgetBurnsFast/mails-sent"], async stage =>
        {
            var heal = await MailsAsync(stage, Behaviour.Refuse);
            await Task.Delay(TimeSpan.FromMinutes(2));      // the objective's 60 s are real, a bucket of a histogram: half of what waits is late
            await heal();
            return Nothing;
        }),
        new("the endpoints of all webhooks hang", ["WebhooksFail", "WebhooksWait", "ErrorBudgetBurnsFast/webhooks-attempted"], async stage =>
        {
            Set(Behaviour.Hang);
            return () =>
            {
                Set(Behaviour.Accept);
                return Task.CompletedTask;
            };

            void Set(Behaviour mode)
            {
                foreach (var endpoint in (string[])[Stage.SteadyEndpoint, Stage.FlakyEndpoint, .. Load.Tenants.Named])
                {
                    stage.Webhooks.Set(endpoint, mode);
                }
            }
        }),
        new("both processes of the inventory service are gone", ["ServiceDown/inventory", "OrdersHang", "ErrorBudgetBurnsFast/orders-ended"], async stage =>
        {
            foreach (var replica in stage.Cluster.Of("inventory"))
            {
                replica.Kill();
            }

            return () => Task.WhenAll(stage.Cluster.Of("inventory").Select(StartAsync));
        }),
        new("the orders service's way to its database is cut",
            ["RequestsFail/orders", "ErrorBudgetBurnsFast/orders-accepted", "ErrorBudgetBurns/orders-accepted", "ErrorBudgetLeaks/orders-accepted"],
            stage => LinkAsync(stage, "orders – database", LinkMode.Reset)),
    ];

    private static async Task RestartAsync(Stage stage, string service)
    {
        foreach (var replica in stage.Cluster.Of(service))
        {
            replica.Kill();
            await StartAsync(replica);
        }
    }

    private static Task Nothing() => Task.CompletedTask;

    private static async Task StartAsync(Replica replica)
    {
        replica.Start();
        await replica.WaitUntilReadyAsync();
    }

    private static Task<Func<Task>> LinkAsync(Stage stage, string name, LinkMode mode)
    {
        var link = stage.Links.Single(l => l.Name == name);
        link.Set(mode);
        return Task.FromResult(() =>
        {
            link.Set(LinkMode.Open);
            return Task.CompletedTask;
        });
    }

    private static Task<Func<Task>> MailsAsync(Stage stage, Behaviour mode)
    {
        stage.Mails.Mode = mode;
        return Task.FromResult(() =>
        {
            stage.Mails.Mode = Behaviour.Accept;
            return Task.CompletedTask;
        });
    }

    private static async Task<Func<Task>> LockAsync(Stage stage, string service, string sql)
    {
        var database = new NpgsqlConnectionStringBuilder(stage.Cluster.Database(service).Administration) { Pooling = false };
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"BEGIN; {sql}", connection);
        await command.ExecuteNonQueryAsync();
        return async () => await connection.DisposeAsync();
    }

    private static async Task<Func<Task>> FailPaymentsAsync(Stage stage, object rule)
    {
        using var answer = await stage.Sandbox.PostAsJsonAsync("/sandbox/faults", rule);
        answer.EnsureSuccessStatusCode();
        return async () =>
        {
            using var gone = await stage.Sandbox.DeleteAsync(new Uri("/sandbox/faults", UriKind.Relative));
            gone.EnsureSuccessStatusCode();
        };
    }

    private static async Task AskAsync(ShopClient client, string path)
    {
        try
        {
            using var answer = await client.SendAsync(HttpMethod.Get, "orders", path);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // That it is not answered is the point.
        }
    }

    private static async Task OperateAsync(Stage stage, string service, HttpMethod method, string path)
    {
        using var client = await ShopClient.OperatorAsync(stage.Cluster);
        using var answer = await client.SendAsync(method, service, path, idempotencyKey: Guid.NewGuid().ToString());
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<Rights> RightsAsync(Stage stage, string account)
    {
        var rights = await stage.Cluster.Vhost.GetAsync($"permissions/{account}");
        return new Rights(rights.GetProperty("configure").GetString()!, rights.GetProperty("write").GetString()!, rights.GetProperty("read").GetString()!);
    }

    private static Task SetRightsAsync(Stage stage, string account, Rights rights) =>
        stage.Cluster.Vhost.PutResourceAsync($"permissions/{account}", new { configure = rights.Configure, write = rights.Write, read = rights.Read });

    private static async Task<T> ScalarAsync<T>(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private sealed record Rights(string Configure, string Write, string Read);
}
