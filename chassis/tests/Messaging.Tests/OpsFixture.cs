using Chassis.Testing;
using Messaging.CrashHost;

namespace Messaging.Tests;

/// <summary>The small service with its web face, for the operators' resources.</summary>
public class OpsFixture : ServiceFixture<Program>
{
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Vhost.SetQueuePolicyAsync(WorkHost.Name, deliveryLimit: 3);
    }

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Messaging:Lease"] = "00:00:02";
        settings["Messaging:SweepInterval"] = "00:00:00.200";
        settings["Messaging:Retries:0"] = "00:00:00.020";
        settings["Messaging:Retries:1"] = "00:00:00.020";
        settings["Messaging:Retries:2"] = "00:00:00.020";
        settings["Messaging:Redeliveries:0"] = "00:00:00.100";
        settings["Messaging:Redeliveries:1"] = "00:00:00.100";
        settings["Messaging:Redeliveries:2"] = "00:00:00.100";
        settings["Messaging:Redeliveries:3"] = "00:00:00.100";
        settings["Messaging:Redeliveries:4"] = "00:00:00.100";
        settings["Messaging:SendBackoff"] = "00:00:00.100";
        settings["Messaging:SendAttempts"] = "4";
        settings["Messaging:TopologyInterval"] = "00:00:01";
    }

    /// <summary>A connection to the broker as some other program has it.</summary>
    public async Task<RabbitMQ.Client.IChannel> OpenChannelAsync()
    {
        var connection = await new RabbitMQ.Client.ConnectionFactory { Uri = Vhost.Uri }.CreateConnectionAsync();
        return await connection.CreateChannelAsync(new RabbitMQ.Client.CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
    }
}
