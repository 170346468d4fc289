using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;

namespace Messaging.Tests;

/// <summary>What belongs into the tree of whoever sent a message, and what is only linked to it.</summary>
public sealed class TraceTests : IClassFixture<OpsFixture>, IDisposable
{
    private readonly OpsFixture _fixture;
    private readonly ConcurrentQueue<Activity> _spans = [];
    private readonly ActivityListener _listener;

    public TraceTests(OpsFixture fixture)
    {
        _fixture = fixture;
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_redelivered_stays_in_the_tree_and_what_an_operator_sends_again_or_replays_is_linked_to_it()
    {
        using var client = _fixture.Operator();
        var subject = Guid.CreateVersion7();
        Poison.Add(subject);
        using var request = new Activity("request").Start();
        await InScopeAsync(scope => scope.PublishCancelled(subject, 1));
        request.Stop();

        var letter = await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/ops/dead-letters?limit=200", UriKind.Relative), Token)).GetProperty("items")
                .EnumerateArray().Where(l => l.GetProperty("exceptionMessage").GetString()!.Contains(subject.ToString(), StringComparison.Ordinal)).ToArray(),
            letters => letters.Length == 1,
            "the dead letter");
        var created = _spans.Single(s => s.DisplayName == "create shop.order.cancelled.v1" && s.TraceId == request.TraceId);
        created.ParentSpanId.ShouldBe(request.SpanId);
        var message = created.GetTagItem("messaging.message.id");
        var tries = ProcessSpans(message);
        tries.Count.ShouldBe(6, "one and five redeliveries");
        tries.ShouldAllBe(s => s.ParentSpanId == created.SpanId && s.TraceId == request.TraceId && s.Status == ActivityStatusCode.Error);
        tries.Select(s => s.GetTagItem("messaging.message.redeliveries")).ShouldBe([null, 1, 2, 3, 4, 5]);
        tries[^1].GetTagItem("error.type").ShouldBe(typeof(InvalidOperationException).FullName);
        tries.ShouldAllBe(s => s.Events.Count(e => e.Name == "try failed") == 4);
        tries.SelectMany(s => s.TagObjects).ShouldAllBe(tag => !Equals(tag.Value, subject.ToString()), "who it is about is nobody's affair");
        var sent = await Poll.UntilAsync(
            () => Task.FromResult(_spans.FirstOrDefault(s => s.DisplayName == "send shop.order.cancelled.v1" && s.TraceId == request.TraceId)),
            "the way to the broker");
        sent.ParentSpanId.ShouldBe(created.SpanId);
        sent.Status.ShouldNotBe(ActivityStatusCode.Error);

        Poison.Remove(subject);
        using var retried = await client.PostAsync(
            new Uri($"/v1/ops/dead-letters/{letter[0].GetProperty("id").GetGuid()}/retry", UriKind.Relative), null, Token);
        retried.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await LinkedAsync(message, 7, created);

        using var replayed = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative),
            new { from = TimeProvider.System.GetUtcNow().AddHours(-1), destination = WorkQueues.Cancelled, subject }, Token);
        replayed.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await LinkedAsync(message, 8, created);
    }

    [Theory]
    [InlineData("01:00:00", true)]
    [InlineData("00:00:10", false)]
    public async Task What_a_timer_brings_back_is_in_the_tree_of_who_set_it_until_that_is_long_ago(string ago, bool isApart)
    {
        var subject = Guid.CreateVersion7();
        using var request = new Activity("request").Start();
        await InScopeAsync(scope => scope.GetRequiredService<IMessageScheduler>().ScheduleSend(
            new Uri("queue:" + WorkQueues.Commands), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1), new DoWork(subject, 1), Token));
        request.Stop();

        var set = TimeProvider.System.GetUtcNow() - TimeSpan.Parse(ago, null);
        await _fixture.Database.ExecuteAsync(
            $$"""
            UPDATE messaging.outbox SET due_at = now(),
                body = convert_to(regexp_replace(convert_from(body, 'UTF8'), '"sentTime":"[^"]*"', '"sentTime":"{{set:O}}"'), 'UTF8')
            WHERE position(convert_to('{{subject}}', 'UTF8') IN body) > 0
            """);
        var created = _spans.Single(s => s.DisplayName == "create " + WorkQueues.Commands && s.TraceId == request.TraceId);
        var processed = (await Poll.UntilAsync(
            () => Task.FromResult(ProcessSpans(created.GetTagItem("messaging.message.id"))), found => found.Count == 1, "the message"))[0];
        processed.Links.Select(l => l.Context.SpanId).ShouldBe(isApart ? [created.SpanId] : []);
        processed.ParentSpanId.ShouldBe(isApart ? default : created.SpanId);
        (processed.TraceId == request.TraceId).ShouldBe(!isApart);
        processed.GetTagItem("messaging.system").ShouldBe("outbox", "it is for the service itself");
    }

    [Fact]
    public void Where_nobody_listens_there_is_no_span_and_the_trace_goes_on()
    {
        using var source = new ActivitySource("nobody-listens-here");
        const string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        using (var silent = source.Continue(ActivityKind.Consumer, "process", "queue", parent).ShouldNotBeNull())
        {
            silent.Source.Name.ShouldBeEmpty();
            silent.ParentId.ShouldBe(parent);
            Activity.Current.ShouldBe(silent);
        }

        using (var apart = source.Continue(ActivityKind.Consumer, "process", "queue", parent, isApart: true).ShouldNotBeNull())
        {
            apart.TraceId.ToHexString().ShouldNotBe(parent.Split('-')[1]);
        }

        source.Continue(ActivityKind.Consumer, "process", "queue", null).ShouldBeNull();
        source.Continue(ActivityKind.Consumer, "process", "queue", "no trace context").ShouldBeNull();
    }

    public void Dispose() => _listener.Dispose();

    private async Task InScopeAsync(Func<IServiceProvider, Task> work)
    {
        await using var scope = _fixture.Services.CreateAsyncScope();
        await work(scope.ServiceProvider);
        await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
    }

    private List<Activity> ProcessSpans(object? message) =>
        [.. _spans.Where(s => s.Kind == ActivityKind.Consumer && Equals(s.GetTagItem("messaging.message.id"), message))];

    private async Task LinkedAsync(object? message, int count, Activity created)
    {
        var all = await Poll.UntilAsync(() => Task.FromResult(ProcessSpans(message)), found => found.Count == count, $"delivery {count}");
        all[^1].ParentSpanId.ShouldBe(default);
        all[^1].TraceId.ShouldNotBe(created.TraceId);
        all[^1].Links.Select(l => l.Context.SpanId).ShouldBe([created.SpanId]);
        all[^1].Status.ShouldNotBe(ActivityStatusCode.Error);
    }
}
