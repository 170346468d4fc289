using Chassis;
using Chassis.Messaging;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Messaging.Tests;

/// <summary>A broker at several addresses. Each of them is a link to the one broker of the tests, and is lost when the link is cut.</summary>
public sealed class A_broker_of_several_nodes(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_found_at_whichever_address_answers()
    {
        await using var nodes = new Nodes(fixture.Vhost.Uri);
        for (var left = 0; left < nodes.Links.Length; left++)
        {
            nodes.LeaveOnly(left);
            var connections = new BrokerConnection(
                Options.Create(new MessagingOptions { Broker = fixture.Vhost.Uri, Hosts = nodes.Hosts }),
                new ServiceIdentity("test", "1.0.0", Guid.CreateVersion7()));
            await using var connection = await connections.OpenAsync("test", Token);     // the others take a connection, and break off
            connection.Endpoint.Port.ShouldBe(nodes.Links[left].Port);
        }
    }

    [Fact]
    public async Task Loses_nothing_for_a_service_while_one_address_after_the_other_is_lost()
    {
        await using var nodes = new Nodes(fixture.Vhost.Uri);
        var outsider = await fixture.ListenAsync("shop.events", "#", declare: true);
        using var host = WorkHost.Build(
            fixture.Database.Migrations,
            nodes.Links[0].Through(fixture.Vhost.Uri),
            bus => bus.AddWork(),
            new Dictionary<string, string?> { ["RabbitMq:Hosts"] = nodes.Hosts, ["Messaging:Lease"] = "00:00:02" });
        await host.StartAsync(Token);
        await host.Services.UntilReadyAsync();
        for (var left = 0; left < nodes.Links.Length; left++)
        {
            nodes.LeaveOnly(left);
            var subject = Guid.CreateVersion7();
            await host.InScope(async (scope, database) =>
            {
                await scope.PublishCancelled(subject, 1);
                await database.SaveChangesAsync(Token);
            });
            await using var channel = await fixture.OpenChannelAsync();
            await channel.SendRawAsync(WorkQueues.Commands, Guid.CreateVersion7(), new DoWork(subject, 1));

            await Poll.UntilAsync(() => EffectsOf(subject), n => n == 1, $"the command to be handled over address {left}", TimeSpan.FromMinutes(2));
            await Poll.UntilAsync(
                () => outsider.Any(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString()),
                $"the event to leave over address {left}",
                TimeSpan.FromMinutes(2));
        }

        await host.StopAsync(Token);
    }

    [Theory]
    [InlineData("one:5672,two:70000", "two:70000")]
    [InlineData("amqp://one:5672", "amqp://one:5672")]
    [InlineData("one:5672;two:5672", "one:5672;two:5672")]
    [InlineData("guest@one", "guest@one")]
    [InlineData("one,/two", "/two")]
    public void Is_refused_when_an_address_is_none(string hosts, string named)
    {
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri, settings: new Dictionary<string, string?> { ["RabbitMq:Hosts"] = hosts });

        Should.Throw<OptionsValidationException>(() => host.Services.GetRequiredService<IStartupValidator>().Validate()).Message.ShouldContain($"'{named}' is not the address of a broker's node");
    }

    [Theory]
    [InlineData("", "amqp://me:secret@broker:5000/shop")]
    [InlineData("one", "amqp://me:secret@one:5000/shop")]
    [InlineData("one:1, two:2 ,", "amqp://me:secret@one:1/shop amqp://me:secret@two:2/shop")]
    [InlineData("[::1]:1", "amqp://me:secret@[::1]:1/shop")]
    public void Has_the_account_and_the_virtual_host_at_every_address(string hosts, string nodes) =>
        string.Join(' ', new MessagingOptions { Broker = new Uri("amqp://me:secret@broker:5000/shop"), Hosts = hosts }.Nodes).ShouldBe(nodes);

    private Task<long> EffectsOf(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'");

    private sealed class Nodes(Uri broker) : IAsyncDisposable
    {
        public TcpProxy[] Links { get; } = [.. Enumerable.Range(1, 3).Select(n => new TcpProxy(broker.Host, broker.Port, $"node {n}"))];

        public string Hosts => string.Join(',', Links.Select(l => $"127.0.0.1:{l.Port}"));

        public void LeaveOnly(int left)
        {
            foreach (var (i, link) in Links.Index())
            {
                link.Set(i == left ? LinkMode.Open : LinkMode.Reset);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var link in Links)
            {
                await link.DisposeAsync();
            }
        }
    }
}
