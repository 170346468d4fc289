using System.Globalization;
using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging;

/// <summary>What a consumer can know of the boundary event beside its data.</summary>
public static class ConsumeContextExtensions
{
    /// <summary>Version of the publisher's aggregate after the event, or null when the publisher gave none.</summary>
    public static long? EventSequence(this ConsumeContext context) =>
        long.TryParse(context.Headers.Get<string>(CloudEventHeaders.Sequence), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? sequence
            : null;

    /// <summary>When the event happened, by its publisher's clock; null when it does not say so in a way that can be read.</summary>
    public static DateTimeOffset? EventTime(this ConsumeContext context) =>
        DateTimeOffset.TryParse(
            context.Headers.Get<string>(CloudEventHeaders.Time), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : null;

    /// <summary>Whether the event comes from the archive, sent to this queue alone: rebuild views from it, do not mail anybody.</summary>
    public static bool IsReplay(this ConsumeContext context) => context.Headers.Get<string>(CloudEventHeaders.Replay) == "true";

    /// <summary>Whether nobody can have begun with the message before: no delivery of the broker, no try in memory and no redelivery.</summary>
    public static bool IsFirstTry(this ConsumeContext context) =>
        !context.ReceiveContext.Redelivered && context.GetRetryAttempt() + context.GetRedeliveryCount() == 0;
}
