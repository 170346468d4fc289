using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Messaging.CrashHost;

namespace Messaging.Tests;

/// <summary>A retry of many dead letters knows what became of each, and stops when it does no good.</summary>
public sealed class RetryTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_thousand_messages_leave_at_their_rate_and_the_outcome_of_each_is_known()
    {
        using var client = fixture.Operator();
        var group = await fixture.Database.AddLettersAsync(1000);
        var started = TimeProvider.System.GetTimestamp();
        var id = await StartAsync(client, new { fingerprint = group, rate = 50, because = "the cause is mended" });

        var retry = await UntilKnownAsync(client, id);
        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromSeconds(19), "999 pauses of 20 ms, but for what is handed over ahead");
        Counts(retry).ShouldBe((1000, 0, 0, 1000, 0, 0));
        retry.GetProperty("status").GetString().ShouldBe("done");
        retry.GetProperty("endedAt").ValueKind.ShouldBe(JsonValueKind.String);
        retry.GetProperty("startedBy").GetString().ShouldNotBeNullOrEmpty();
        (await EffectsAsync(group)).ShouldBe(1000);
        (await MessagesAsync(client, id, "consumed")).Select(m => m.GetProperty("deadLetterId").GetGuid()).Distinct().Count().ShouldBe(1000);
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.dead_letters WHERE fingerprint = '{group}' AND status = 'retried'")).ShouldBe(1000);

        // What is known is written down: the inbox forgets.
        await fixture.Database.ExecuteAsync("TRUNCATE messaging.inbox");
        Counts(await FindAsync(client, id)).Consumed.ShouldBe(1000);
    }

    [Fact]
    public async Task A_message_that_fails_as_before_stops_the_retry_and_what_is_not_sent_stays_open()
    {
        using var client = fixture.Operator();
        var (subjects, group) = await FailAsync(8);
        var id = await StartAsync(client, new { fingerprint = group, rate = 1, because = "a try" });

        var retry = await UntilKnownAsync(client, id);
        retry.GetProperty("status").GetString().ShouldBe("stopped");
        retry.GetProperty("stoppedBecause").GetString().ShouldBe("same_failure");
        var (total, _, _, consumed, failed, notSent) = Counts(retry);
        (total, consumed).ShouldBe((8, 0));
        failed.ShouldBeInRange(1, 7);
        notSent.ShouldBe(8 - failed);
        (await MessagesAsync(client, id, "failed")).ShouldAllBe(m => m.GetProperty("exceptionMessage").GetString()!.StartsWith("Nobody can work on"));
        (await OpenAsync(client, group)).ShouldBe(8, "those that came back, and those that never left");

        // They are free for the next one.
        subjects.ForEach(Poison.Remove);
        Counts(await UntilKnownAsync(client, await StartAsync(client, new { fingerprint = group, because = "mended" }))).Consumed.ShouldBe(8);
    }

    [Fact]
    public async Task A_message_that_fails_for_another_reason_does_not_stop_it()
    {
        using var client = fixture.Operator();
        var (subjects, before) = await FailAsync(3);
        var group = Guid.CreateVersion7().ToString("n");
        await fixture.Database.ExecuteAsync($"UPDATE messaging.dead_letters SET fingerprint = '{group}' WHERE fingerprint = '{before}' AND status = 'open'");
        subjects.Skip(1).ToList().ForEach(Poison.Remove);
        var id = await StartAsync(client, new { fingerprint = group, because = "the first reason is gone" });

        var retry = await UntilKnownAsync(client, id);
        Counts(retry).ShouldBe((3, 0, 0, 2, 1, 0));
        retry.GetProperty("status").GetString().ShouldBe("done");
        Poison.Remove(subjects[0]);
    }

    [Fact]
    public async Task Who_does_not_want_it_stopped_gets_every_outcome()
    {
        using var client = fixture.Operator();
        var (subjects, group) = await FailAsync(6);
        subjects.Take(3).ToList().ForEach(Poison.Remove);
        var id = await StartAsync(client, new { fingerprint = group, rate = 5, stopOnSameFailure = false, because = "to the last one" });

        Counts(await UntilKnownAsync(client, id)).ShouldBe((6, 0, 0, 3, 3, 0));
        (await OpenAsync(client, group)).ShouldBe(3);
        subjects.ForEach(Poison.Remove);
    }

    [Fact]
    public async Task Two_operators_who_retry_the_same_at_once_send_each_message_once()
    {
        var group = await fixture.Database.AddLettersAsync(200);
        var clients = Enumerable.Range(0, 4).Select(_ => fixture.Operator()).ToList();
        var ids = await Task.WhenAll(clients.Select(client => StartAsync(client, new { fingerprint = group, because = "both of us" })));

        var retries = new List<JsonElement>();
        foreach (var id in ids)
        {
            retries.Add(await UntilKnownAsync(clients[0], id));
        }

        retries.Sum(r => Counts(r).Total).ShouldBe(200);
        retries.Sum(r => Counts(r).Consumed).ShouldBe(200);
        (await EffectsAsync(group)).ShouldBe(200);
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.dead_letters WHERE fingerprint = '{group}' AND jsonb_array_length(history) = 1")).ShouldBe(200, "sent once each");
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task A_stopped_retry_leaves_open_what_it_has_not_sent_and_still_learns_the_outcome_of_the_rest()
    {
        using var client = fixture.Operator();
        var group = await fixture.Database.AddLettersAsync(50);
        var id = await StartAsync(client, new { fingerprint = group, rate = 2, because = "slowly" });
        await Poll.UntilAsync(() => FindAsync(client, id), r => Counts(r).Waiting < 50, "the first one to leave", Patience);
        var parked = (await MessagesAsync(client, id, "waiting"))[^1].GetProperty("deadLetterId").GetGuid();
        using (var park = await client.PostAsJsonAsync(Path($"{parked}/park"), new { reason = "later" }, Token))
        {
            park.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        using var stopped = await client.PostAsync(Path($"retries/{id}/stop"), null, Token);
        stopped.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var retry = await UntilKnownAsync(client, id);
        retry.GetProperty("status").GetString().ShouldBe("stopped");
        retry.GetProperty("stoppedBecause").GetString().ShouldBe("operator");
        var (_, waiting, sent, consumed, failed, notSent) = Counts(retry);
        (waiting, sent, failed).ShouldBe((0, 0, 0));
        consumed.ShouldBeInRange(1, 49);
        notSent.ShouldBe(50 - consumed);
        (await OpenAsync(client, group)).ShouldBe(notSent - 1);
        (await EffectsAsync(group)).ShouldBe(consumed);
        using var again = await client.PostAsync(Path($"retries/{id}/stop"), null, Token);
        again.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        using var unknown = await client.PostAsync(Path($"retries/{Guid.CreateVersion7()}/stop"), null, Token);
        unknown.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_somebody_deals_with_meanwhile_is_not_sent_by_the_retry()
    {
        using var client = fixture.Operator();
        var group = await fixture.Database.AddLettersAsync(2);
        var id = await StartAsync(client, new { fingerprint = group, rate = 0.2, because = "slowly" });
        await Poll.UntilAsync(() => FindAsync(client, id), r => Counts(r).Waiting == 1, "the first one to leave", Patience);
        var second = (await MessagesAsync(client, id, "waiting")).Single().GetProperty("deadLetterId").GetGuid();
        using (var dropped = await client.DeleteAsync(Path($"{second}"), Token))
        {
            dropped.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }

        Counts(await UntilKnownAsync(client, id)).ShouldBe((2, 0, 0, 1, 0, 1));
        (await EffectsAsync(group)).ShouldBe(1);
    }

    [Fact]
    public async Task A_retry_of_nothing_is_done_and_what_is_no_order_is_refused()
    {
        using var client = fixture.Operator();
        var nothing = await StartAsync(client, new { ids = new[] { Guid.CreateVersion7() }, because = "nothing" });
        (await FindAsync(client, nothing)).GetProperty("status").GetString().ShouldBe("done");
        foreach (var wrong in (object[])[new { queue = "a" }, new { because = "b", rate = 0 }, new { because = "c", limit = 10_001 }, new { because = "" }])
        {
            using var refused = await client.PostAsJsonAsync(Path("retries"), wrong, Token);
            refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        }

        using var outcome = await client.GetAsync(Path($"retries/{nothing}/messages?outcome=lost"), Token);
        outcome.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var unknown = await client.GetAsync(Path($"retries/{Guid.CreateVersion7()}"), Token);
        unknown.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var page = await client.GetFromJsonAsync<JsonElement>(Path("retries?limit=1"), Token);
        page.GetProperty("items")[0].GetProperty("id").GetGuid().ShouldBe(nothing, "the newest first");
    }

    private static Uri Path(string path) => new("/v1/ops/dead-letters/" + path, UriKind.Relative);

    private static (int Total, int Waiting, int Sent, int Consumed, int Failed, int NotSent) Counts(JsonElement retry) =>
        (Of(retry, "total"), Of(retry, "waiting"), Of(retry, "sent"), Of(retry, "consumed"), Of(retry, "failed"), Of(retry, "notSent"));

    private static int Of(JsonElement retry, string count) => retry.GetProperty(count).GetInt32();

    private static async Task<Guid> StartAsync(HttpClient client, object order)
    {
        using var answer = await client.PostAsJsonAsync(Path("retries"), order, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync(Token));
        var retry = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        answer.Headers.Location!.OriginalString.ShouldBe($"/v1/ops/dead-letters/retries/{retry.GetProperty("id").GetGuid()}");
        return retry.GetProperty("id").GetGuid();
    }

    private static Task<JsonElement> FindAsync(HttpClient client, Guid id) => client.GetFromJsonAsync<JsonElement>(Path($"retries/{id}"), Token);

    private static async Task<JsonElement> UntilKnownAsync(HttpClient client, Guid id)
    {
        JsonElement retry = default;
        await Poll.UntilAsync(
            async () => retry = await FindAsync(client, id),
            r => r.GetProperty("status").GetString() != "running" && Counts(r) is { Waiting: 0, Sent: 0 },
            "the outcome of every message",
            Patience);
        return retry;
    }

    private static async Task<List<JsonElement>> MessagesAsync(HttpClient client, Guid id, string outcome)
    {
        var messages = new List<JsonElement>();
        string? cursor = null;
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>(Path($"retries/{id}/messages?outcome={outcome}&limit=200&cursor={cursor}"), Token);
            messages.AddRange(page.GetProperty("items").EnumerateArray());
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        messages.ShouldAllBe(m => m.GetProperty("outcome").GetString() == outcome);
        return messages;
    }

    private static async Task<int> OpenAsync(HttpClient client, string group) =>
        (await client.GetFromJsonAsync<JsonElement>(Path($"?fingerprint={group}&limit=200"), Token)).GetProperty("items").GetArrayLength();

    /// <summary>Commands that fail until their subject is no poison any more.</summary>
    private async Task<(List<Guid> Subjects, string Fingerprint)> FailAsync(int count)
    {
        // What others left has the same cause.
        await fixture.Database.ExecuteAsync("DELETE FROM messaging.dead_letters WHERE status = 'open'");
        await using var channel = await fixture.OpenChannelAsync();
        List<Guid> subjects = [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7())];
        foreach (var subject in subjects)
        {
            Poison.Add(subject);
            await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));
        }

        var list = string.Join(',', subjects.Select(s => $"'{s}'"));
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE message_id IN ({list})"), n => n == count, "to fail");
        var before = await fixture.Database.ScalarAsync<string>($"SELECT fingerprint FROM messaging.dead_letters WHERE message_id = '{subjects[0]}'");
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.dead_letters WHERE fingerprint = '{before}' AND status = 'open'")).ShouldBe(count);
        return (subjects, before!);
    }

    private Task<long> EffectsAsync(string group) => fixture.Database.ScalarAsync<long>(
        $"SELECT count(*) FROM effects e JOIN messaging.dead_letters d ON d.message_id = e.subject::text WHERE d.fingerprint = '{group}' AND e.note = 'done'");
}
