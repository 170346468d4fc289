using System.Text;
using Chassis;
using Chassis.Messaging;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>A process on a broker where nothing is yet.</summary>
public sealed class FirstStartTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly TimeSpan Looked = TimeSpan.FromSeconds(3);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queues_are_read_once_the_process_has_made_them_all()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.Set(LinkMode.BlackHole);
        using var host = await StartOnNothingAsync(proxy);

        // The transport has made its queues, and everything else of the process has no connection yet.
        await Poll.UntilAsync(() => fixture.HasQueueAsync(WorkQueues.Commands), "the transport to have made its queue");
        await NobodyReadsBeforeAsync(proxy, host);
    }

    [Fact]
    public async Task Queues_are_read_once_they_are_bound_to_the_events_that_are_there()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.SilenceServerAfter(Encoding.UTF8.GetBytes($"{WorkQueues.Cancelled}\u0017shop.order.cancelled.v1"));
        using var host = await StartOnNothingAsync(proxy);

        // The queues are made, and the first of the bindings to events is not answered.
        await Poll.UntilAsync(() => proxy.IsSilenced, "the binding to be asked for");
        await NobodyReadsBeforeAsync(proxy, host);
    }

    [Fact]
    public async Task A_process_that_still_waits_for_its_queues_stops_when_it_is_told_to()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.Set(LinkMode.BlackHole);
        using var host = await StartOnNothingAsync(proxy);
        await Poll.UntilAsync(() => fixture.HasQueueAsync(WorkQueues.Commands), "the transport to have made its queue");

        await host.StopAsync(Token).WaitAsync(TimeSpan.FromMinutes(3), Token);
        host.Services.GetRequiredService<IBusControl>().CheckHealth().Status.ShouldNotBe(BusHealthStatus.Healthy);
    }

    [Fact]
    public async Task A_process_whose_queues_nobody_has_read_from_its_start_ends_although_the_broker_is_there()
    {
        var before = Environment.ExitCode;
        using var host = WorkHost.Build(
            fixture.Database.Migrations, fixture.Vhost.Uri, bus => bus.AddWork(), new Dictionary<string, string?>
            {
                ["Messaging:ConsumerPatience"] = "00:00:01",
            },
            services: services => services.Configure<MassTransitHostOptions>(o => o.StartTimeout = TimeSpan.FromMilliseconds(1)));
        var ending = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await host.StartAsync(Token);

        await Poll.UntilAsync(() => ending.IsCancellationRequested, "the service to end", TimeSpan.FromSeconds(30));
        Environment.ExitCode.ShouldBe(1);
        Environment.ExitCode = before;
        await host.StopAsync(Token);
    }

    private async Task NobodyReadsBeforeAsync(TcpProxy proxy, IHost host)
    {
        await Task.Delay(Looked, Token);
        (await fixture.IsConsumedAsync(WorkQueues.Commands)).ShouldBeFalse();

        proxy.Set(LinkMode.Open);
        await host.Services.UntilReadyAsync();
        (await fixture.IsConsumedAsync(WorkQueues.Commands)).ShouldBeTrue();
        await host.StopAsync(Token);
    }

    /// <summary>A process whose transport gets to the broker, and the rest of it by way of the proxy.</summary>
    private async Task<IHost> StartOnNothingAsync(TcpProxy proxy)
    {
        await using var channel = await fixture.OpenChannelAsync();
        await channel.QueueDeleteAsync(WorkQueues.Commands, cancellationToken: Token);
        var host = WorkHost.Build(
            fixture.Database.Migrations, fixture.Vhost.Uri, bus => bus.AddWork(),
            services: services => services.AddSingleton(p => new BrokerConnection(
                Options.Create(new MessagingOptions { Broker = proxy.Through(fixture.Vhost.Uri) }), p.GetRequiredService<ServiceIdentity>())));
        await host.StartAsync(Token);
        return host;
    }
}
