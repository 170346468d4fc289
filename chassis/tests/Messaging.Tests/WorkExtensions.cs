using System.Text.Json;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>What tests do again and again.</summary>
internal static class WorkExtensions
{
    /// <summary>Runs a unit of work as a request handler does.</summary>
    public static async Task InScope(this IHost host, Func<IServiceProvider, WorkDatabase, Task> work)
    {
        await using var scope = host.Services.CreateAsyncScope();
        await work(scope.ServiceProvider, scope.ServiceProvider.GetRequiredService<WorkDatabase>());
    }

    public static Task PublishCancelled(this IServiceProvider scope, Guid subject, long sequence) =>
        scope.GetRequiredService<IPublishEndpoint>().PublishEventAsync(Events.Cancelled(subject), sequence, TestContext.Current.CancellationToken);

    public static Task SendWork(this IServiceProvider scope, Guid subject, int number, string queue = WorkQueues.Commands) =>
        scope.GetRequiredService<ISendEndpointProvider>().SendCommandAsync(queue, new DoWork(subject, number), subject, TestContext.Current.CancellationToken);

    /// <summary>Sends a command as some other program would: straight to the queue.</summary>
    public static async Task SendRawAsync(this IChannel channel, string queue, Guid messageId, object message, Type? type = null)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new { messageId, messageType = new[] { MessageUrn.ForTypeString(type ?? message.GetType()) }, message, sentTime = TimeProvider.System.GetUtcNow() },
            JsonSerializerOptions.Web);
        await channel.BasicPublishAsync(
            string.Empty, queue, mandatory: false,
            new BasicProperties
            {
                ContentType = "application/vnd.masstransit+json", MessageId = messageId.ToString(), UserId = TestVhost.Account, Persistent = true,
            },
            body, TestContext.Current.CancellationToken);
    }

    /// <summary>Dead letters of commands that can be worked on by now; the subject of each is its message's id.</summary>
    /// <returns>The fingerprint of them all, and of no others.</returns>
    public static async Task<string> AddLettersAsync(this TestDatabase database, int count, string queue = WorkQueues.Commands)
    {
        var group = Guid.CreateVersion7().ToString("n");
        await database.ExecuteAsync(
            $"""
            INSERT INTO messaging.dead_letters (id, message_id, message_type, queue, reason, fingerprint, content_type, headers, body, status, first_failed_at, failed_at)
            SELECT gen_random_uuid(), id, type, '{queue}', 'failed', '{group}', 'application/vnd.masstransit+json', jsonb_build_object('x-sent-by', '{TestVhost.Account}'),
                convert_to(json_build_object(
                    'messageId', id, 'messageType', json_build_array(type), 'message', json_build_object('subject', id, 'number', number))::text, 'UTF8'),
                'open', now(), now()
            FROM (SELECT gen_random_uuid() AS id, number, '{MessageUrn.ForTypeString<DoWork>()}' AS type FROM generate_series(1, {count}) AS number) AS message
            """);
        return group;
    }

    /// <summary>A queue behind an exchange of its name, as every receive endpoint has it.</summary>
    public static async Task DeclareEndpointAsync(this IChannel channel, string queue)
    {
        await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(queue, queue, string.Empty);
    }

    /// <summary>What a gauge of the service says now; null when it says nothing yet.</summary>
    public static double? Gauge(this IHost host, string name)
    {
        using var heard = new Measurements();
        return heard.Of(host.Services, name) is [.., var last] ? last.Value : null;
    }

    public static string? HeaderText(this IReadOnlyBasicProperties properties, string name) =>
        properties.Headers?.TryGetValue(name, out var value) == true && value is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes) : null;
}
