using Chassis;
using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Orders.Domain;

namespace Orders;

/// <summary>The order refused; the caller gets the reason.</summary>
public sealed class OrderRefusedException(OrderError error) : Exception(error.Message), IProblem
{
    public OrderError Error { get; } = error;

    public ProblemException ToProblem() => Error == OrderErrors.NotFound || Error == OrderErrors.NoSuchItem
        ? new ProblemException(StatusCodes.Status404NotFound, Error.Code, Error.Message)
        : ProblemException.Conflict(Error.Code, Error.Message);
}

/// <summary>Orders in the event store: read, decide, append, in one unit of work with everything that follows from it.</summary>
public sealed class OrderStore(DbContext db, EventStore events, OrderMetrics metrics)
{
    public const string StreamType = "order";

    /// <summary>Does something to an order. Concurrent commands on one order come one after the other.</summary>
    /// <param name="id">The order.</param>
    /// <param name="commandsOf">What is wanted, given the order as it is; may throw when the caller has no business with it.</param>
    /// <param name="expected">Version that the caller believes to be current.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The order afterwards.</returns>
    /// <exception cref="OrderRefusedException">The order refuses; nothing is stored.</exception>
    public async Task<VersionedOrder> ChangeAsync(
        Guid id, ExpectedVersion expected, Func<VersionedOrder?, CancellationToken, Task<IReadOnlyList<OrderCommand>>> commandsOf, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var order = await ApplyAsync(id, expected, commandsOf, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return order;
    }

    public Task<VersionedOrder> ChangeAsync(Guid id, OrderCommand command, CancellationToken ct) =>
        ChangeAsync(id, ExpectedVersion.Any, (_, _) => Task.FromResult<IReadOnlyList<OrderCommand>>([command]), ct);

    /// <summary>The same as a part of somebody's unit of work, who saves and commits it.</summary>
    /// <exception cref="OrderRefusedException">The order refuses; nothing is stored.</exception>
    public Task ApplyAsync(Guid id, OrderCommand command, CancellationToken ct) =>
        ApplyAsync(id, ExpectedVersion.Any, (_, _) => Task.FromResult<IReadOnlyList<OrderCommand>>([command]), ct);

    /// <summary>The order as it was at a version or at a moment; null when there was none.</summary>
    public async Task<VersionedOrder?> LoadAsync(Guid id, long? toVersion, DateTimeOffset? until, CancellationToken ct) =>
        Fold(await events.ReadAsync(id, toVersion: toVersion, until: until, ct: ct));

    /// <summary>Everything that happened to the order.</summary>
    public Task<IReadOnlyList<StoredEvent>> HistoryAsync(Guid id, CancellationToken ct) => events.ReadAsync(id, ct: ct);

    private async Task<VersionedOrder> ApplyAsync(
        Guid id, ExpectedVersion expected, Func<VersionedOrder?, CancellationToken, Task<IReadOnlyList<OrderCommand>>> commandsOf, CancellationToken ct)
    {
        var history = await events.LockAndReadAsync(id, ct);
        var before = Fold(history);
        var commands = await commandsOf(before, ct);
        expected.Check(before?.Version ?? 0);

        var (state, happened) = (before?.State, new List<OrderEvent>());
        foreach (var command in commands)
        {
            switch (Order.Decide(state, command))
            {
                case Decision.Accepted accepted:
                    state = accepted.Events.Aggregate(state, Order.Evolve);
                    happened.AddRange(accepted.Events);
                    break;
                case Decision.Refused refused:
                    throw new OrderRefusedException(refused.Error);
            }
        }

        // The order's, not that of whoever acts on it: its events, and what others are told, belong to its tenant.
        using var _ = OperationContext.BeginTenant(before is null ? OperationContext.Current.TenantId : before.TenantId);
        var stored = await events.AppendAsync(StreamType, id, before?.Version ?? 0, happened, state!.UserId.ToString(), ct, happened.FirstOrDefault()?.At);
        var (first, last) = (history.Concat(stored).First(), history.Concat(stored).Last());
        var order = new VersionedOrder(state, last.Version, first.Metadata.TenantId);
        db.OnCommitted(() => metrics.Happened(happened, order));
        return order;
    }

    private static VersionedOrder? Fold(IReadOnlyList<StoredEvent> history) => history.Count == 0
        ? null
        : new VersionedOrder(Order.Fold(history.Select(e => (OrderEvent)e.Data))!, history[^1].Version, history[0].Metadata.TenantId);
}
