using Chassis;
using MassTransit;

namespace Orders.Fulfilment;

/// <summary>
/// What the saga asks for, its deadlines included, is asked for in the name of its order's tenant, whatever brought the message that it answers.
/// </summary>
public sealed class FulfilmentDefinition : SagaDefinition<FulfilmentState>
{
    protected override void ConfigureSaga(
        IReceiveEndpointConfigurator endpointConfigurator, ISagaConfigurator<FulfilmentState> sagaConfigurator, IRegistrationContext context) =>
        sagaConfigurator.UseFilter(new TenantFilter());

    private sealed class TenantFilter : IFilter<SagaConsumeContext<FulfilmentState>>
    {
        public async Task Send(SagaConsumeContext<FulfilmentState> context, IPipe<SagaConsumeContext<FulfilmentState>> next)
        {
            // One that is just being made takes its tenant from the order that starts it.
            var isNew = context.Saga.StartedAt == default;
            using var _ = OperationContext.BeginTenant(isNew ? OperationContext.Current.TenantId : context.Saga.TenantId);
            await next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("tenant");
    }
}
