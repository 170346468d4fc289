using Chassis;
using Chassis.Messaging;

namespace Orders.Fulfilment;

/// <summary>The saga acts in the name of its order's tenant.</summary>
public sealed class FulfilmentDefinition : TenantOf<FulfilmentState>
{
    // One that is just being made takes its tenant from the order that starts it.
    protected override string? Find(FulfilmentState saga) => saga.StartedAt == default ? OperationContext.Current.TenantId : saga.TenantId;
}
