using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using MassTransit;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Relay;

/// <summary>
/// Opens connections of our own to the broker, beside those of MassTransit, and says of both how they are. Over <c>amqps</c> the broker has to show a
/// certificate of its own name, from an authority that this process trusts. Of several nodes each connection takes any that answers.
/// </summary>
internal sealed class BrokerConnection(IOptions<MessagingOptions> options, ServiceIdentity service)
{
    /// <summary>How often each end must be heard of; a connection that has been silent for twice this time is given up.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    /// <summary>The account of these connections; what is sent over them is signed with it.</summary>
    public string Account => options.Value.Account;

    /// <summary>Settings of MassTransit's connection.</summary>
    public static void Configure(IRabbitMqHostConfigurator host, MessagingOptions options)
    {
        host.Heartbeat(Heartbeat);
        if (IsEncrypted(options.Broker))
        {
            // By itself it would do so on port 5671 only.
            host.UseSsl(tls => (tls.ServerName, tls.Protocol) = (options.Broker.Host, SslProtocols.None));
        }

        if (options.Nodes.Count > 1)
        {
            // The transport takes them in turn; processes that all began with the same one would be on the same one.
            var nodes = options.Nodes.Select(node => string.Create(CultureInfo.InvariantCulture, $"{node.Host}:{BrokerNodes.PortOf(node)}")).ToArray();
            Random.Shared.Shuffle(nodes);
            host.UseCluster(cluster => Array.ForEach(nodes, cluster.Node));
        }
    }

    /// <param name="purpose">Shown in the broker's management page, for example <c>relay</c>.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="BrokerUnreachableException">None of the nodes answers, or one refuses the account.</exception>
    public async Task<IConnection> OpenAsync(string purpose, CancellationToken ct)
    {
        var broker = options.Value.Broker;
        var factory = new ConnectionFactory
        {
            Uri = broker,
            ClientProvidedName = $"{service.Name} {purpose}",
            // Recovery is ours: it has to know which messages were confirmed.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = Heartbeat,
            RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
            ContinuationTimeout = TimeSpan.FromSeconds(10),
        };
        var tls = new SslOption(broker.Host, enabled: IsEncrypted(broker)) { AcceptablePolicyErrors = SslPolicyErrors.None };
        AmqpTcpEndpoint[] nodes = [.. options.Value.Nodes.Select(node => new AmqpTcpEndpoint(node.Host, BrokerNodes.PortOf(node), tls))];
        Random.Shared.Shuffle(nodes);
        for (var i = 0; ; i++)
        {
            try
            {
                return await factory.CreateConnectionAsync([nodes[i]], ct);
            }
            catch (BrokerUnreachableException e) when (i < nodes.Length - 1 && !BrokerFailure.IsRefusal(e))
            {
                // Given all of them, the client would leave out those that take no connection; not one that takes it and breaks off, as whatever stands before
                // a dead node does.
            }
        }
    }

    private static bool IsEncrypted(Uri broker) => broker.Scheme == "amqps";
}
