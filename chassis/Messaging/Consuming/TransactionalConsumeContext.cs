using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// The context of a message that is consumed inside the transaction which also holds its inbox row. Whatever the consumer publishes, sends,
/// answers or schedules becomes a row of the outbox in that transaction.
/// </summary>
internal sealed class TransactionalConsumeContext<TMessage>(
    ConsumeContext<TMessage> context, OutboxConsumeOptions options, IServiceProvider provider, DbContext database, MessageFormatter formatter)
    : OutboxConsumeContextProxy<TMessage>(context, options, provider), ITransactionalContext
    where TMessage : class
{
    public DbContext Database { get; } = database;

    public OutboxBuffer Outbox { get; } = OutboxBuffer.Of(database);

    /// <summary>Whether the consumer put this very message back for later, so that its repetition is not a duplicate.</summary>
    public bool PutBack { get; private set; }

    public override bool ContinueProcessing { get; set; }

    public override bool IsMessageConsumed => false;

    public override bool IsOutboxDelivered => true;

    public override int ReceiveCount => 1;

    public override long? LastSequenceNumber => null;

    public override Task AddSend<T>(SendContext<T> context)
    {
        PutBack |= typeof(T) == typeof(TMessage) && context.Headers.TryGetHeader(MessageHeaders.RedeliveryCount, out _);
        Outbox.Add(formatter.Format(context));
        return Task.CompletedTask;
    }

    /// <summary>The consumer is through: what it left in the change tracker goes to the database.</summary>
    public override async Task SetConsumed()
    {
        if (Database.ChangeTracker.HasChanges())
        {
            await Database.SaveChangesAsync(CancellationToken);
        }
    }

    // Delivery is the relay's work, after the commit and for all messages alike.
    public override Task SetDelivered() => Task.CompletedTask;

    public override Task<List<OutboxMessageContext>> LoadOutboxMessages() => Task.FromResult(new List<OutboxMessageContext>());

    public override Task NotifyOutboxMessageDelivered(OutboxMessageContext message) => Task.CompletedTask;

    public override Task RemoveOutboxMessages() => Task.CompletedTask;
}
