using Chassis.Web;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;

namespace Chassis.Messaging.Relay;

/// <summary>Opens connections of our own to the broker, beside those of MassTransit.</summary>
internal sealed class BrokerConnection(IOptions<MessagingOptions> options, ServiceIdentity service)
{
    /// <summary>How often each end must be heard of; a connection that has been silent for twice this time is given up.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    /// <summary>The account of these connections; what is sent over them is signed with it.</summary>
    public string Account => options.Value.Account;

    /// <param name="purpose">Shown in the broker's management page, for example <c>relay</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<IConnection> OpenAsync(string purpose, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory
        {
            Uri = options.Value.Broker,
            ClientProvidedName = $"{service.Name} {purpose}",
            // Recovery is ours: it has to know which messages were confirmed.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = Heartbeat,
            RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
            ContinuationTimeout = TimeSpan.FromSeconds(10),
        };
        return factory.CreateConnectionAsync(cancellationToken);
    }
}
