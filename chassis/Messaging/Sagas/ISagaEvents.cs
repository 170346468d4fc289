using MassTransit;

namespace Chassis.Messaging.Sagas;

/// <summary>
/// Tells a saga of its own service what happened, in the transaction in which it happened: where nothing from outside has to be waited for, no message is
/// needed.
/// </summary>
public interface ISagaEvents<TSaga>
    where TSaga : class, SagaStateMachineInstance
{
    /// <summary>
    /// Takes the saga's row before anything else is taken that the saga takes after it, for an event that may follow in this transaction. None, when there is
    /// no such saga.
    /// </summary>
    /// <exception cref="InvalidOperationException">No transaction is open on the scope's database.</exception>
    Task LockAsync(Guid correlationId, CancellationToken ct);

    /// <summary>
    /// Raises an event as if its message had come: the saga's row is made or locked, and what the saga asks for and schedules because of it is committed, or
    /// forgotten, with everything else of the unit of work.
    /// </summary>
    /// <param name="machine">The saga's state machine.</param>
    /// <param name="raised">Which of its events.</param>
    /// <param name="message">What the event says; it is correlated as a message would be.</param>
    /// <param name="queue">The saga's own queue, where its deadlines come to.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="InvalidOperationException">No transaction is open on the scope's database.</exception>
    Task RaiseAsync<T>(SagaStateMachine<TSaga> machine, Event<T> raised, T message, string queue, CancellationToken ct)
        where T : class;
}
