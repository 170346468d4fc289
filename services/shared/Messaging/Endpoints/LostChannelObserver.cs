using MassTransit;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Endpoints;

/// <summary>
/// Puts another exception in place of the one with which the transport finds that it cannot acknowledge a message any more, because its channel has ended while it
/// was handled. For after that one the transport closes the channel from within the channel's own dispatcher, which waits for itself, and the end of the connection
/// is never announced to those who listen for it. ADR: docs/adr/0017-consumption-is-guarded.md.
/// </summary>
internal sealed class LostChannelObserver : IReceiveObserver
{
    public Task ReceiveFault(ReceiveContext context, Exception exception) =>
        exception is OperationInterruptedException or EndOfStreamException ? Task.FromException(new ChannelLostException(exception)) : Task.CompletedTask;

    public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

    public Task PostReceive(ReceiveContext context) => Task.CompletedTask;

    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;
}

/// <summary>The message was handled, and the broker will deliver it again.</summary>
internal sealed class ChannelLostException(Exception inner)
    : Exception("The connection to the broker was lost while the message was handled. What it did is committed; it comes again and is found in the inbox.", inner);
