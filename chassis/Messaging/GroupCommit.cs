using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Messaging;

/// <summary>
/// Where work of one kind queues while other work of it is being committed. Whoever finds nobody there is served at once; whoever has to wait is served with
/// everybody else who waits, in one transaction: under load one commit, and one wait for a row that everybody wants, for a group instead of for each, and a
/// quiet service notices nothing. For consumers with
/// <see cref="OwnTransactionAttribute"/>: how a repetition is known is their own affair.
/// </summary>
/// <param name="scopes">Each group gets a scope of its own.</param>
/// <param name="commit">
/// Does the work of a group, all or nothing. When it throws, each of the group is tried alone, so that one that cannot be done fails alone.
/// </param>
/// <param name="key">Of two with the same key one waits for the next group. Null: all may go together.</param>
public sealed class GroupCommit<T>(
    IServiceScopeFactory scopes, Func<IServiceProvider, IReadOnlyList<T>, CancellationToken, Task> commit, Func<T, object>? key = null)
{
    // Two: while one group is being committed the next one is made up.
    private const int Groups = 2;

    /// <summary>The most that are committed together.</summary>
    private const int MaxGroup = 64;

    private readonly Lock _turn = new();
    private readonly List<Waiting> _queue = [];
    private int _busy;

    /// <summary>Completes when the work is committed.</summary>
    /// <exception cref="Exception">What kept it from being done, alone.</exception>
    public Task CommitAsync(T work, CancellationToken ct)
    {
        var waiting = new Waiting(work, ct);
        lock (_turn)
        {
            _queue.Add(waiting);
            if (_busy == Groups)
            {
                return waiting.Done.Task;
            }

            _busy++;
        }

        // Others are served, too: what is done then does not belong to this caller's operation.
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
                await CommitAsync(group, group is [var only] ? only.Cancelled : CancellationToken.None);
                group.ForEach(w => w.Done.TrySetResult());
            }
            catch (Exception) when (group.Count > 1)
            {
                // One of them may be the reason.
                foreach (var one in group)
                {
                    await CommitAloneAsync(one);
                }
            }
            catch (Exception e)
            {
                group[0].Done.TrySetException(e);
            }
        }
    }

    private async Task CommitAloneAsync(Waiting one)
    {
        try
        {
            await CommitAsync([one], one.Cancelled);
            one.Done.TrySetResult();
        }
        catch (Exception e)
        {
            // Its consumer's retries and dead letters deal with it.
            one.Done.TrySetException(e);
        }
    }

    private async Task CommitAsync(List<Waiting> group, CancellationToken ct)
    {
        // Work that is alone belongs to the trace that it came with. Of several none is the parent of what is done for all.
        Activity.Current = group is [var only] ? only.Cause : null;
        using var together = group.Count > 1 ? StartSpan(group) : null;
        await using var scope = scopes.CreateAsyncScope();
        try
        {
            await commit(scope.ServiceProvider, [.. group.Select(w => w.Work)], ct);
        }
        catch (Exception e)
        {
            together.Fail(e);
            throw;
        }
    }

    /// <summary>A trace of its own, linked from and to those that wait for it.</summary>
    private static Activity? StartSpan(List<Waiting> group)
    {
        if (!MessagingTelemetry.Source.HasListeners())
        {
            return null;
        }

        var causes = group.Select(w => w.Cause).OfType<Activity>().ToList();
        var span = MessagingTelemetry.Source.StartActivity(
            ActivityKind.Internal,
            default,
            tags: [new("messaging.batch.message_count", group.Count)],
            links: causes.Select(cause => new ActivityLink(cause.Context)),
            name: $"commit {typeof(T).Name}");
        if (span is not null)
        {
            causes.ForEach(cause => cause.AddLink(new ActivityLink(span.Context)));
        }

        return span;
    }

    /// <summary>Who waits, at most one of each key. Nobody: this one is through.</summary>
    private List<Waiting> NextGroup()
    {
        lock (_turn)
        {
            List<Waiting> group = [.. (key is null ? _queue : _queue.DistinctBy(w => key(w.Work))).Take(MaxGroup)];
            _queue.RemoveAll(group.Contains);
            _busy -= group.Count == 0 ? 1 : 0;
            return group;
        }
    }

    private sealed class Waiting(T work, CancellationToken cancelled)
    {
        public T Work => work;

        public CancellationToken Cancelled => cancelled;

        public Activity? Cause { get; } = Activity.Current;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
