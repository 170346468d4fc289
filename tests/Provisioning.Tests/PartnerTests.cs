using System.Diagnostics;
using Chassis.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Provisioning.Tests;

/// <summary>The account that <c>deploy/rabbitmq/partner.sh</c> makes, tried on a real broker.</summary>
public sealed class A_partners_account(Broker broker) : IClassFixture<Broker>
{
    private const string Agreed = "shop.order.confirmed.v1";

    [Fact]
    public async Task Hears_what_was_agreed_in_queues_of_its_own_and_nothing_else()
    {
        var name = $"t{Guid.CreateVersion7():n}"[..28];
        var (queue, password) = ($"partner.{name}.orders", Guid.CreateVersion7().ToString());
        await MustSucceedAsync(password, "set", name, Agreed, "shop.shipment.#");
        try
        {
            await using var connection = await new ConnectionFactory
            {
                Uri = new UriBuilder(broker.Uri) { UserName = $"partner.{name}", Password = password }.Uri,
            }.CreateConnectionAsync();
            foreach (var allowed in (Func<IChannel, Task>[])
            [
                channel => channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false),
                channel => channel.QueueBindAsync(queue, "shop.events", Agreed),
                channel => channel.QueueBindAsync(queue, "shop.events", "shop.shipment.#"),
                channel => channel.QueueBindAsync(queue, Agreed, ""),
                channel => channel.ExchangeDeclarePassiveAsync("shop.events"),
            ])
            {
                (await RefusedAsync(connection, allowed)).ShouldBeNull();
            }

            foreach (var forbidden in (Func<IChannel, Task>[])
            [
                channel => channel.QueueBindAsync(queue, "shop.events", "#"),
                channel => channel.QueueBindAsync(queue, "shop.events", "shop.#"),
                channel => channel.QueueBindAsync(queue, "shop.events", "shop.*.confirmed.v1"),
                channel => channel.QueueBindAsync(queue, "shop.events", "shop.order.#"),
                channel => channel.QueueBindAsync(queue, "shop.events", "shop.user.registered.v1"),
                channel => channel.QueueBindAsync(queue, "shop.user.registered.v1", ""),
                channel => channel.QueueBindAsync(queue, "shop.replay", "orders.catalogue"),
                channel => channel.QueueBindAsync(queue, "shop.unrouted", ""),
                channel => channel.QueueBindAsync(queue, "shop.returned", Agreed),
                channel => channel.BasicGetAsync("shop.unrouted", autoAck: false),
                channel => channel.QueueDeclareAsync("orders.more", durable: true, exclusive: false, autoDelete: false),
                channel => channel.QueueDeclareAsync($"partner.{name}x.orders", durable: true, exclusive: false, autoDelete: false),
                channel => channel.ExchangeDeclareAsync("shop.events", ExchangeType.Topic, durable: true),
                channel => channel.BasicPublishAsync("shop.events", Agreed, "{}"u8.ToArray()).AsTask(),
                channel => channel.BasicPublishAsync(Agreed, "", "{}"u8.ToArray()).AsTask(),
                channel => channel.BasicPublishAsync("shop.replay", "orders.catalogue", "{}"u8.ToArray()).AsTask(),
                channel => channel.BasicPublishAsync("", "orders.catalogue", "{}"u8.ToArray()).AsTask(),
            ])
            {
                (await RefusedAsync(connection, forbidden)).ShouldBe((ushort)403);
            }

            (await RefusedAsync(await broker.ConnectAsync("orders"), async channel =>
            {
                await channel.BasicPublishAsync(Agreed, Agreed, "{}"u8.ToArray());
                await channel.QueueBindAsync(queue, "shop.replay", queue);   // as a replay does for it
            })).ShouldBeNull();
            await using var own = await connection.CreateChannelAsync();
            (await Poll.UntilAsync(() => own.BasicGetAsync(queue, autoAck: true), "the agreed event")).RoutingKey.ShouldBe(Agreed);
        }
        finally
        {
            await MustSucceedAsync("", "drop", name);
        }
    }

    [Theory]
    [InlineData("globex", "shop.user.registered.v1")]
    [InlineData("globex", "shop.user.#")]
    [InlineData("globex", "shop.#")]
    [InlineData("globex", "#")]
    [InlineData("globex", "shop.*.confirmed.v1")]
    [InlineData("globex", "shop.order.confirmed.v1|.*")]
    [InlineData("globex.x", "shop.order.#")]
    [InlineData(".*", "shop.order.#")]
    [InlineData("globex")]
    public async Task Is_not_made_for_what_no_partner_may_hear(string name, params string[] types) =>
        (await RunAsync("a password that is long enough", ["set", name, .. types])).ExitCode.ShouldBe(1);

    private async Task MustSucceedAsync(string input, params string[] arguments)
    {
        var (exitCode, output) = await RunAsync(input, arguments);
        exitCode.ShouldBe(0, output);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string input, string[] arguments)
    {
        var control = Environment.GetEnvironmentVariable("TEST_RABBITMQCTL")
            ?? throw Missing.Choice("This test makes an account with the broker's own tool: TEST_RABBITMQCTL has to name a command that reaches its rabbitmqctl (docs/testing.md).");
        var folder = Directory.CreateTempSubdirectory("rabbitmqctl-");
        var tool = Path.Combine(folder.FullName, "rabbitmqctl");
        await File.WriteAllTextAsync(tool, $"#!/bin/bash\nexec {control} \"$@\"\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        try
        {
            var start = new ProcessStartInfo("sh", [Repository.PathOf("deploy/rabbitmq/partner.sh"), .. arguments])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["PATH"] = $"{folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}", ["VHOST"] = broker.Uri.AbsolutePath.Trim('/') },
            };
            using var process = Process.Start(start)!;
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await Outsiders.WriteAsync(process, input + Environment.NewLine);
            await process.WaitForExitAsync();
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The broker's reply code, or null when it went through.</summary>
    private static async Task<ushort?> RefusedAsync(IConnection connection, Func<IChannel, Task> attempt)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        try
        {
            await attempt(channel);
            return null;
        }
        catch (OperationInterruptedException e)
        {
            return e.ShutdownReason?.ReplyCode;
        }
    }
}
