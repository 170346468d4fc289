using System.Text;
using System.Text.Json;
using Contracts.Events;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Chassis.Testing;

/// <summary>Messages to every endpoint of a service that do not come from whoever may say them. Each must become a dead letter for that reason.</summary>
public static class ForgedMessages
{
    /// <summary>Sends an event in another account's name, one in nobody's, and a command in another's, to each endpoint that the bus has.</summary>
    /// <returns>The endpoints, of which there is at least one.</returns>
    /// <exception cref="TimeoutException">One was not refused; says which.</exception>
    public static async Task<IReadOnlyList<string>> MustBeRefusedAsync<TProgram>(ServiceFixture<TProgram> fixture)
        where TProgram : class
    {
        var stranger = await fixture.Vhost.CreateUserAsync(".*", ".*", ".*");
        await using var connection = await new ConnectionFactory { Uri = stranger }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var account = stranger.UserInfo.Split(':')[0];
        var queues = Endpoints(fixture.Services);
        var catalogue = fixture.Services.GetRequiredService<EventCatalogue>();
        foreach (var queue in queues)
        {
            foreach (var (what, message) in (IEnumerable<(string, (BasicProperties, string))>)
                [
                    ("an event of another", Event(catalogue, account)),
                    ("an event of nobody", Event(catalogue, null)),
                    ("a command of another", Command(account)),
                ])
            {
                var (properties, body) = message;
                await channel.BasicPublishAsync("", queue, mandatory: true, properties, Encoding.UTF8.GetBytes(body));
                await Poll.UntilAsync(
                    () => fixture.Database.ScalarAsync<long>(
                        $"SELECT count(*) FROM messaging.dead_letters WHERE queue = '{queue}' AND message_id = '{properties.MessageId}' AND reason = 'forged'"),
                    n => n == 1,
                    $"{what} in {queue} to be a dead letter");
            }
        }

        return queues;
    }

    // The bus has one more for answers, which is there only while somebody asks.
    private static List<string> Endpoints(IServiceProvider services)
    {
        var bus = services.GetRequiredService<IBusControl>();
        return [.. bus.CheckHealth().Endpoints.Values.Select(e => e.InputAddress).OfType<Uri>().Select(Name).Where(name => name != Name(bus.Address))];

        static string Name(Uri address) => address.AbsolutePath.Split('/')[^1];
    }

    private static (BasicProperties, string) Event(EventCatalogue catalogue, string? account)
    {
        var (id, contract) = (Guid.CreateVersion7().ToString(), catalogue.All[0]);
        var envelope = new CloudEventEnvelope(id, catalogue.SourceOf(contract.Publisher), contract.Type, TimeProvider.System.GetUtcNow(), id);
        return (Signed(
            new BasicProperties
            {
                MessageId = id, ContentType = "application/json", Headers = envelope.ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
            },
            account), "{}");
    }

    private static (BasicProperties, string) Command(string account)
    {
        var id = Guid.CreateVersion7();
        var body = JsonSerializer.Serialize(new { messageId = id, messageType = (string[])["urn:message:Somebody:Does"], message = new { } });
        return (Signed(new BasicProperties { MessageId = id.ToString(), ContentType = "application/vnd.masstransit+json" }, account), body);
    }

    private static BasicProperties Signed(BasicProperties properties, string? account)
    {
        if (account is not null)
        {
            properties.UserId = account;
        }

        return properties;
    }
}
