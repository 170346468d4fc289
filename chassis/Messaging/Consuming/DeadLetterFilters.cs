using Chassis.Data;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Model;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Logging;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// The end of the line for a message that failed for good: it is written to the dead letters and then acknowledged. As long as the database is
/// away, or others are in the way there, nothing is given up; the message goes back to its queue.
/// </summary>
internal sealed partial class FailedMessageFilter(DeadLetterStore store, Accounts accounts, Lanes lanes, ILogger<FailedMessageFilter> logger)
    : IFilter<ExceptionReceiveContext>
{
    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        context.Reach(Stage.GivenUp);
        var exception = Unwrap(context.Exception);
        if (DatabaseFailure.SaysNothingOfTheMessage(exception))
        {
            throw new DatabaseUnavailableException(exception);
        }

        var letter = DeadLetters.From(context, accounts, lanes, ReasonOf(exception)) with
        {
            ExceptionType = exception.GetType().FullName,
            ExceptionMessage = exception.Message,
            StackTrace = exception.ToString(),
        };
        await store.AddAsync(letter, CancellationToken.None);
        LogFailed(letter.MessageId, letter.MessageType, letter.Queue, letter.ExceptionType!);
        if (!context.IsFaulted)
        {
            await context.NotifyFaulted(exception);
        }

        await next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("deadLetterStore");

    private static string ReasonOf(Exception exception) => exception switch
    {
        ForgedMessageException => DeadLetterReasons.Forged,
        InvalidMessageException => DeadLetterReasons.Invalid,
        _ => DeadLetterReasons.Failed,
    };

    private static Exception Unwrap(Exception e) => e is AggregateException { InnerExceptions: [var only] } ? only : e;

    [LoggerMessage(2121, LogLevel.Error, "Message {MessageId} ({MessageType}) on {Queue} became a dead letter: {ExceptionType}",
        EventName = "dead_letter.failed")]
    private partial void LogFailed(string messageId, string messageType, string queue, string exceptionType);
}

/// <summary>A message that no consumer of its queue handles.</summary>
internal sealed partial class SkippedMessageFilter(
    DeadLetterStore store, Accounts accounts, EventCatalogue catalogue, Subscriptions subscriptions, Lanes lanes, ILogger<SkippedMessageFilter> logger)
    : IFilter<ReceiveContext>
{
    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        context.Reach(Stage.GivenUp);
        var letter = DeadLetters.From(context, accounts, lanes, DeadLetterReasons.Skipped);
        if (subscriptions.IsUnwanted(letter.MessageType, letter.Queue) && CameByABinding(context, letter.MessageType))
        {
            LogUnwanted(letter.MessageId, letter.MessageType, letter.Queue);
            await next.Send(context);
            return;
        }

        letter = letter with
        {
            ExceptionMessage = letter.ContentType.StartsWith(MessageKeys.EventContentType, StringComparison.OrdinalIgnoreCase)
                && catalogue.Find(letter.MessageType) is null
                ? $"The event type {letter.MessageType} is not known here."
                : $"No consumer of {letter.Queue} handles {letter.MessageType}.",
        };
        await store.AddAsync(letter, CancellationToken.None);
        LogSkipped(letter.MessageId, letter.MessageType, letter.Queue);
        await next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("skippedStore");

    // Or in a replay. What somebody has put into the queue itself nobody else has a copy of.
    private bool CameByABinding(ReceiveContext context, string type) =>
        context.TryGetPayload<RabbitMqBasicConsumeContext>(out var delivery) && (delivery.Exchange == type || delivery.Exchange == catalogue.Exchanges.Replay);

    [LoggerMessage(2125, LogLevel.Information, "Message {MessageId} ({MessageType}) on {Queue} was for an earlier version and is dropped.",
        EventName = "message.of_earlier_version")]
    private partial void LogUnwanted(string messageId, string messageType, string queue);

    [LoggerMessage(2122, LogLevel.Error, "Message {MessageId} ({MessageType}) on {Queue} has no consumer there and became a dead letter.",
        EventName = "dead_letter.without_consumer")]
    private partial void LogSkipped(string messageId, string messageType, string queue);
}

/// <summary>The database does not serve; the message waits in its queue.</summary>
internal sealed class DatabaseUnavailableException(Exception inner)
    : Exception("The database does not serve just now; the message goes back to its queue.", inner);

/// <summary>Makes dead letters out of what was received.</summary>
internal static class DeadLetters
{
    public static DeadLetter From(ReceiveContext context, Accounts accounts, Lanes lanes, string reason)
    {
        var headers = TransportHeaders.Of(context);
        headers[MessageKeys.SentBy] = accounts.SenderOf(context) ?? string.Empty;
        var queue = lanes.NameOf(context.InputAddress.GetEndpointName()!);
        var body = context.GetBody();
        var properties = context.TryGetPayload<RabbitMqBasicConsumeContext>(out var rabbit) ? rabbit.Properties : null;
        var messageId = context.TryGetPayload<LocalMessage>(out var local) ? local.Row.MessageId.ToString() : properties?.MessageId;
        return new DeadLetter(
            headers.GetValueOrDefault(CloudEventHeaders.Id) ?? messageId ?? MessageKeys.Derive(queue + Convert.ToBase64String(body)).ToString(),
            headers.GetValueOrDefault(CloudEventHeaders.Type) ?? EnvelopeReader.TypeOf(body) ?? "unknown",
            queue,
            reason,
            null,
            null,
            null,
            context.ContentType?.ToString() ?? properties?.ContentType ?? string.Empty,
            headers,
            body);
    }
}
