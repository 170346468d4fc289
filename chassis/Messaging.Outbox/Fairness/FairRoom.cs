namespace Chassis.Messaging.Fairness;

/// <summary>Room for so many at once. Those who wait for a place get it by turns, one of each tenant.</summary>
internal sealed class FairRoom(int places)
{
    private readonly Lock _lock = new();
    private readonly RoundRobin<TaskCompletionSource> _waiting = new();
    private int _free = places;

    /// <summary>Completes when there is a place; <see cref="Leave"/> gives it back.</summary>
    public Task EnterAsync(string tenant)
    {
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return Task.CompletedTask;
            }

            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add(tenant, turn);
            return turn.Task;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            if (_waiting.TryTake(out var next))
            {
                next.SetResult();
            }
            else
            {
                _free++;
            }
        }
    }
}
