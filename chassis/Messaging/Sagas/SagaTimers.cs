using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.Sagas;

/// <summary>Which deadlines a kind of saga waits for. A deadline names its saga by the id, as every message of <c>CorrelateById</c> does.</summary>
internal interface ISagaTimers
{
    /// <param name="sagas">Ids that may be of sagas, and need not be.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The tokens of the deadlines that those of them wait for which are sagas of this kind.</returns>
    Task<IReadOnlyCollection<Guid>> AwaitedAsync(IReadOnlyCollection<Guid> sagas, CancellationToken ct);
}

internal sealed class SagaTimers<TSaga>(SagaStore<TSaga> store, SagaStateMachine<TSaga> machine) : ISagaTimers
    where TSaga : class, SagaStateMachineInstance
{
    // The machine itself does not list them.
    private readonly Schedule<TSaga>[] _schedules =
    [
        .. machine.GetType().GetProperties().Where(p => p.PropertyType.IsAssignableTo(typeof(Schedule<TSaga>)))
            .Select(p => (Schedule<TSaga>)p.GetValue(machine)!),
    ];

    public async Task<IReadOnlyCollection<Guid>> AwaitedAsync(IReadOnlyCollection<Guid> sagas, CancellationToken ct)
    {
        if (sagas.Count == 0 || _schedules.Length == 0)
        {
            return [];
        }

        var found = await store.Database.Set<TSaga>().AsNoTracking().Where(saga => sagas.Contains(saga.CorrelationId)).ToListAsync(ct);
        return [.. found.SelectMany(saga => _schedules.Select(schedule => schedule.GetTokenId(saga))).OfType<Guid>()];
    }
}
