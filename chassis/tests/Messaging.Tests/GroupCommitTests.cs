using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis.Messaging;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Messaging.Tests;

public sealed class GroupCommitTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().BuildServiceProvider();
    private readonly ConcurrentQueue<string[]> _committed = new();
    private readonly SemaphoreSlim _mayCommit = new(0);
    private int _committing;

    [Fact]
    public async Task Whoever_waits_is_committed_together_with_everybody_else_who_waits()
    {
        var commits = Commits();
        Task[] all = [await Begun(commits, "a", 1), await Begun(commits, "b", 2), .. "cdefg".Select(work => commits.CommitAsync(work.ToString(), default))];
        all.ShouldAllBe(task => !task.IsCompleted);
        _mayCommit.Release(all.Length);

        await Task.WhenAll(all);
        _committed.Select(group => string.Concat(group)).Order().ShouldBe(["a", "b", "cdefg"]);
    }

    [Fact]
    public async Task One_that_cannot_be_committed_fails_alone()
    {
        var commits = Commits();
        Task[] others = [await Begun(commits, "a", 1), await Begun(commits, "b", 2), commits.CommitAsync("c", default)];
        var bad = commits.CommitAsync("bad", default);
        var last = commits.CommitAsync("d", default);
        _mayCommit.Release(100);

        (await Should.ThrowAsync<InvalidOperationException>(() => bad)).Message.ShouldBe("bad");
        await Task.WhenAll([.. others, last]);
        _committed.Select(group => string.Concat(group)).Order().ShouldBe(["a", "b", "c", "d"]);
    }

    [Fact]
    public async Task Of_two_with_one_key_the_second_waits_for_the_next_group()
    {
        var commits = Commits(work => work[0]);
        Task[] all =
        [
            await Begun(commits, "x1", 1), await Begun(commits, "y1", 2), .. new[] { "z1", "z2", "w1" }.Select(work => commits.CommitAsync(work, default)),
        ];
        _mayCommit.Release(100);

        await Task.WhenAll(all);
        _committed.ShouldContain(group => group.SequenceEqual(new[] { "z1", "w1" }));
        _committed.ShouldContain(group => group.SequenceEqual(new[] { "z2" }));
    }

    [Fact]
    public async Task What_is_alone_belongs_to_the_trace_that_it_came_with_and_a_group_to_none()
    {
        var traces = new ConcurrentDictionary<string, string?>();
        var commits = new GroupCommit<string>(_services.GetRequiredService<IServiceScopeFactory>(), async (_, group, ct) =>
        {
            traces[string.Concat(group)] = Activity.Current?.TraceId.ToString();
            Interlocked.Increment(ref _committing);
            await _mayCommit.WaitAsync(ct);
        });
        using var activity = new Activity("order").Start();
        Task[] all = [await Begun(commits, "a", 1), await Begun(commits, "b", 2), commits.CommitAsync("c", default), commits.CommitAsync("d", default)];
        _mayCommit.Release(100);

        await Task.WhenAll(all);
        traces.ShouldBe(
            new Dictionary<string, string?> { ["a"] = activity.TraceId.ToString(), ["b"] = activity.TraceId.ToString(), ["cd"] = null }, ignoreOrder: true);
    }

    [Fact]
    public async Task A_group_has_a_trace_of_its_own_that_is_linked_to_each_of_it_and_they_to_it()
    {
        using var source = new ActivitySource($"orders-{Guid.NewGuid():n}");
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s == source || s.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var commits = Commits();
        var causes = new List<Activity>();
        List<Task> all = [];
        foreach (var work in (string[])["a", "b", "c", "d"])
        {
            using var cause = source.StartActivity(ActivityKind.Consumer, default, name: work).ShouldNotBeNull();
            causes.Add(cause);
            all.Add(all.Count < 2 ? await Begun(commits, work, all.Count + 1) : commits.CommitAsync(work, default));
        }

        _mayCommit.Release(100);
        await Task.WhenAll(all);

        Activity[] together = [causes[2], causes[3]];
        var group = await Poll.UntilAsync(
            () => Task.FromResult(ended.FirstOrDefault(s => s.Links.Any(l => l.Context.SpanId == causes[2].SpanId))), "the group's span");
        group.DisplayName.ShouldBe("commit String");
        group.GetTagItem("messaging.batch.message_count").ShouldBe(2);
        group.ParentSpanId.ShouldBe(default);
        group.Links.Select(l => l.Context.SpanId).ShouldBe(together.Select(t => t.SpanId));
        together.ShouldAllBe(t => t.TraceId != group.TraceId && t.Links.Single().Context.SpanId == group.SpanId);
        causes.Take(2).ShouldAllBe(alone => !alone.Links.Any());
    }

    public void Dispose()
    {
        _services.Dispose();
        _mayCommit.Dispose();
    }

    /// <summary>Commits that take until they may end.</summary>
    private GroupCommit<string> Commits(Func<string, object>? key = null) => new(
        _services.GetRequiredService<IServiceScopeFactory>(),
        async (_, group, ct) =>
        {
            Interlocked.Increment(ref _committing);
            await _mayCommit.WaitAsync(ct);
            if (group.Contains("bad"))
            {
                throw new InvalidOperationException("bad");
            }

            _committed.Enqueue([.. group]);
        },
        key);

    /// <summary>Work that is being committed, as so many are by now.</summary>
    private async Task<Task> Begun(GroupCommit<string> commits, string work, int number)
    {
        var task = commits.CommitAsync(work, default);
        await Poll.UntilAsync(() => Volatile.Read(ref _committing) == number, $"{number} commits under way");
        return task;
    }
}
