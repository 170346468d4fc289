using System.Diagnostics;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Context;
using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using MassTransit.Scheduling;
using MassTransit.Transports;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging.UnitOfWork;

/// <summary>Schedules messages as rows of the outbox that are due later; cancelling deletes the row. No second scheduler, and both are transactional.</summary>
internal sealed class OutboxScheduleProvider(ISendEndpointProvider endpoints, Func<Guid, CancellationToken, Task> cancel) : IScheduleMessageProvider
{
    /// <summary>What is scheduled and taken back is part of the unit of work that the outbox belongs to.</summary>
    public static OutboxScheduleProvider Of(ISendEndpointProvider endpoints, OutboxBuffer outbox) => new(endpoints, (token, _) =>
    {
        outbox.Cancel(token);
        return Task.CompletedTask;
    });

    public async Task<ScheduledMessage<T>> ScheduleSend<T>(
        Uri destinationAddress, DateTime scheduledTime, T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken)
        where T : class
    {
        var token = ScheduleTokenIdCache<T>.GetTokenId(message, NewId.NextGuid());
        var due = new DateTimeOffset(scheduledTime.Kind == DateTimeKind.Unspecified ? DateTime.SpecifyKind(scheduledTime, DateTimeKind.Utc) : scheduledTime);
        var endpoint = await endpoints.GetSendEndpoint(destinationAddress);
        await endpoint.Send(message, new SchedulePipe<T>(pipe, due, token), cancellationToken);
        return new ScheduledMessageHandle<T>(token, scheduledTime, destinationAddress, message);
    }

    public Task CancelScheduledSend(Guid tokenId, CancellationToken cancellationToken) => cancel(tokenId, cancellationToken);

    public Task CancelScheduledSend(Uri destinationAddress, Guid tokenId, CancellationToken cancellationToken) => cancel(tokenId, cancellationToken);

    private sealed class SchedulePipe<T>(IPipe<SendContext<T>> next, DateTimeOffset due, Guid token) : IPipe<SendContext<T>>
        where T : class
    {
        public async Task Send(SendContext<T> context)
        {
            if (next.IsNotEmpty())
            {
                await next.Send(context);
            }

            context.ScheduledMessageId = token;
            context.Headers.Set(MessageHeaders.SchedulingTokenId, token.ToString("D"));
            var given = context.TryGetPayload<DispatchOptions>(out var options) ? options : DispatchOptions.None;
            context.AddOrUpdatePayload(() => given with { DueAt = due, Token = token }, existing => existing with { DueAt = due, Token = token });
        }

        public void Probe(ProbeContext context) => next.Probe(context);
    }
}

/// <summary>Gives every consumed message a scheduler and a way back for later, whether there is a transaction or not.</summary>
internal sealed class SchedulerFilter(
    OutboxStore store,
    MessageFormatter formatter,
    Accounts accounts,
    MessagingMetrics metrics,
    IOptions<MessagingOptions> options,
    TimeProvider clock,
    IServiceProvider provider)
    : IFilter<ConsumeContext>
{
    private readonly DirectOutbox _direct = new(store, formatter, options, provider);

    public Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        context.GetOrAddPayload<MessageSchedulerContext>(() => new ConsumeMessageSchedulerContext(context, Create));
        context.GetOrAddPayload<MessageRedeliveryContext>(() => new VerbatimRedelivery(context, store, accounts, metrics, options.Value, clock));
        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("outboxScheduler");

    private MessageScheduler Create(ConsumeContext context)
    {
        var provider = context.TryGetPayload<ITransactionalContext>(out var transaction)
            ? OutboxScheduleProvider.Of(context, transaction.Outbox)
            : new OutboxScheduleProvider(new OutboxSendEndpointProvider(_direct, context.ReceiveContext.SendEndpointProvider), store.CancelAsync);
        return new MessageScheduler(provider, context.GetPayload<IBusTopology>());
    }
}

/// <summary>Writes each message into the outbox in a transaction of its own.</summary>
internal sealed class DirectOutbox(OutboxStore store, MessageFormatter formatter, IOptions<MessagingOptions> options, IServiceProvider provider)
    : OutboxSendContext
{
    public Task AddSend<T>(SendContext<T> context)
        where T : class => store.InsertAsync([formatter.Format(context)], options.Value.Lease, context.CancellationToken);

    public object? GetService(Type serviceType) => provider.GetService(serviceType);
}

/// <summary>Puts a message back for later exactly as it came: the same bytes, id and headers, who had sent it, and how often this happened.</summary>
internal sealed class VerbatimRedelivery(
    ConsumeContext context, OutboxStore store, Accounts accounts, MessagingMetrics metrics, MessagingOptions options, TimeProvider clock)
    : MessageRedeliveryContext
{
    public async Task ScheduleRedelivery(TimeSpan delay, Action<ConsumeContext, SendContext>? callback = null)
    {
        var row = PutBack.RowOf(context, accounts, clock.GetUtcNow() + delay, context.GetRedeliveryCount() + 1);
        await store.InsertAsync([row], options.Lease, CancellationToken.None);
        metrics.Redelivery(row.Exchange);
        Activity.Current.Fail("redelivered");
    }
}
