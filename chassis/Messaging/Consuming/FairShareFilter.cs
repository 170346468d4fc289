using Chassis.Data;
using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Context;
using MassTransit.Transports;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// Behind a queue there is one line, in which a tenant that asks for much stands before all others. While every place of the endpoint is taken, what comes from
/// such a tenant is put into its line of the outbox, which costs a fraction of handling it, so that the queue goes on and the others get the places. From there
/// it comes back when there is room. ADR: docs/adr/0046-nobody-is-in-the-way.md.
/// </summary>
/// <param name="places">How many messages the endpoint handles at the same time.</param>
internal sealed class FairShareFilter(
    Func<int> places, OutboxStore store, Accounts accounts, MessagingMetrics metrics, MessagingOptions options, TimeProvider clock)
    : IFilter<ConsumeContext>
{
    private readonly TenantUsage _usage = new(clock);
    private int _taken;

    public async Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        // What comes from the outbox has got its turn there.
        if (!options.FairShares || context.TryGetPayload<LocalMessage>(out _))
        {
            await next.Send(context);
            return;
        }

        var tenant = context.Headers.Get<string>(CloudEventHeaders.TenantId) ?? string.Empty;
        var isFull = Interlocked.Increment(ref _taken) >= places();
        try
        {
            if (isFull && _usage.IsHot(tenant, places()) && await TryPutAsideAsync(context))
            {
                return;
            }

            _usage.Took(tenant);
            _usage.Hold(tenant, 1);
            try
            {
                await next.Send(context);
            }
            finally
            {
                _usage.Hold(tenant, -1);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _taken);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("fairShares");

    private async Task<bool> TryPutAsideAsync(ConsumeContext context)
    {
        var row = PutBack.RowOf(context, accounts, due: null, context.GetRedeliveryCount());
        row.IsSurplus = true;
        try
        {
            await store.InsertAsync([row], options.Lease, context.CancellationToken);
        }
        catch (Exception e) when (DatabaseFailure.Is(e))
        {
            // Its consumer will find the same, and has patience.
            return false;
        }

        metrics.PutAside(row.Exchange);
        await context.ReceiveContext.NotifyConsumed(new MessageConsumeContext<Surplus>(context, Surplus.Instance), TimeSpan.Zero, nameof(FairShareFilter));
        return true;
    }

    /// <summary>For the transport, which wants to hear that somebody has taken the message.</summary>
    internal sealed class Surplus
    {
        public static readonly Surplus Instance = new();
    }
}
