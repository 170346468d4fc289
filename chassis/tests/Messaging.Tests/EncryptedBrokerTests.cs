using System.Net;
using System.Security.Authentication;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using MassTransit;
using Microsoft.Extensions.Options;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Tests;

/// <summary>The certificates of the test servers are for 127.0.0.1; the same broker, at another address of this machine, has one that is not its own.</summary>
public sealed class A_broker_over_TLS : IAsyncLifetime
{
    private TestVhost _vhost = null!;
    private TcpProxy _elsewhere = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private Uri Broker => TestServers.OverTls(_vhost.Uri);

    public async ValueTask InitializeAsync()
    {
        _vhost = await TestVhost.CreateAsync();
        _elsewhere = new TcpProxy(Broker.Host, Broker.Port, near: IPAddress.Parse("127.0.0.2"));
    }

    public async ValueTask DisposeAsync()
    {
        await _elsewhere.DisposeAsync();
        await _vhost.DisposeAsync();
    }

    [Fact]
    public async Task Is_spoken_to_by_both_kinds_of_connections()
    {
        await using (var connection = await ConnectionsTo(Broker).OpenAsync("test", Token))
        {
            connection.IsOpen.ShouldBeTrue();
        }

        var bus = BusTo(Broker);
        await bus.StartAsync(Token);
        await bus.StopAsync(Token);
    }

    [Fact]
    public async Task Is_told_no_password_when_its_certificate_is_for_another_name()
    {
        var impostor = _elsewhere.Through(Broker);

        var refusal = await Should.ThrowAsync<BrokerUnreachableException>(() => ConnectionsTo(impostor).OpenAsync("test", Token));
        Causes(refusal).OfType<AuthenticationException>().ShouldNotBeEmpty(refusal.ToString());

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var bus = BusTo(impostor);
        var failure = await Should.ThrowAsync<Exception>(() => bus.StartAsync(patience.Token));
        Causes(failure).OfType<AuthenticationException>().ShouldNotBeEmpty(failure.ToString());
    }

    private static BrokerConnection ConnectionsTo(Uri broker) =>
        new(Options.Create(new MessagingOptions { Broker = broker }), new ServiceIdentity("test", "1.0.0", Guid.NewGuid()));

    private static IBusControl BusTo(Uri broker) => Bus.Factory.CreateUsingRabbitMq(bus => bus.Host(broker, host => BrokerConnection.Configure(host, new MessagingOptions { Broker = broker })));

    private static IEnumerable<Exception> Causes(Exception exception) =>
        exception is AggregateException many ? many.InnerExceptions.SelectMany(Causes).Prepend(many)
        : exception.InnerException is { } inner ? Causes(inner).Prepend(exception)
        : [exception];
}
