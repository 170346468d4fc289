using System.Diagnostics;
using Chassis.Web;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>
/// Where reservations queue while others are being committed. Whoever arrives at an empty desk is served at once; who has to wait is served with
/// everybody else who waits, in one transaction. So a product that everybody wants costs one wait for its row and one commit for a group of orders
/// instead of one each, and a quiet shop notices nothing.
/// </summary>
public sealed class ReservationDesk(IServiceScopeFactory scopes)
{
    // Two: while one group is being committed the next one is made up.
    private const int Clerks = 2;
    private const int MaxGroup = 64;

    private readonly Lock turn = new();
    private readonly List<Waiting> queue = [];
    private int busy;

    /// <summary>Completes when the reservation is decided, committed and its answer is in the outbox.</summary>
    public Task ReserveAsync(ReserveStock command, CancellationToken ct)
    {
        var waiting = new Waiting(new ReservationRequest(command, OperationContext.Current, Activity.Current), ct);
        lock (turn)
        {
            queue.Add(waiting);
            if (busy == Clerks)
            {
                return waiting.Done.Task;
            }

            busy++;
        }

        // The clerk serves others, too: what it does does not belong to this caller's operation.
        using (ExecutionContext.SuppressFlow())
        {
            _ = Task.Run(ServeAsync, CancellationToken.None);
        }

        return waiting.Done.Task;
    }

    private async Task ServeAsync()
    {
        while (NextGroup() is { Count: > 0 } group)
        {
            try
            {
                await HandleAsync(group, CancellationToken.None);
                group.ForEach(w => w.Done.TrySetResult());
            }
            catch (Exception) when (group.Count > 1)
            {
                // One of them may be the reason: each by itself, so that it fails alone.
                foreach (var one in group)
                {
                    await HandleAloneAsync(one);
                }
            }
            catch (Exception e)
            {
                group[0].Done.TrySetException(e);
            }
        }
    }

    private async Task HandleAloneAsync(Waiting one)
    {
        try
        {
            await HandleAsync([one], one.Cancelled);
            one.Done.TrySetResult();
        }
        catch (Exception e)
        {
            // Its consumer's retries and dead letters deal with it.
            one.Done.TrySetException(e);
        }
    }

    private async Task HandleAsync(List<Waiting> group, CancellationToken ct)
    {
        InventoryMetrics.Group(group.Count);
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ReserveStockHandler>().Handle([.. group.Select(w => w.Request)], ct);
    }

    /// <summary>Who waits, at most one request of each order. Nobody: this clerk goes.</summary>
    private List<Waiting> NextGroup()
    {
        lock (turn)
        {
            var orders = new HashSet<Guid>();
            var group = queue.Where(w => orders.Count < MaxGroup && orders.Add(w.Request.Command.OrderId)).ToList();
            queue.RemoveAll(group.Contains);
            busy -= group.Count == 0 ? 1 : 0;
            return group;
        }
    }

    private sealed class Waiting(ReservationRequest request, CancellationToken cancelled)
    {
        public ReservationRequest Request => request;

        public CancellationToken Cancelled => cancelled;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

internal static class ReservationRequestExtensions
{
    /// <summary>Does something under the operation and the trace that the request came with.</summary>
    public static async Task AsItself(this ReservationRequest request, Func<Task> work)
    {
        var previous = Activity.Current;
        using (OperationContext.Begin(request.Operation))
        {
            Activity.Current = request.Activity;
            try
            {
                await work();
            }
            finally
            {
                Activity.Current = previous;
            }
        }
    }
}
