using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Messaging;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;

namespace Messaging.Tests;

/// <summary>What operators find out about a dead letter, and what they can do with it beside sending it again.</summary>
public sealed class DeadLetterTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task They_are_found_by_what_they_are_about_and_by_their_message()
    {
        using var client = fixture.Operator();
        var group = await fixture.Database.AddLettersAsync(3);
        var message = await fixture.Database.ScalarAsync<string>($"SELECT message_id FROM messaging.dead_letters WHERE fingerprint = '{group}' LIMIT 1");
        foreach (var query in (string[])[$"orderId={message}", $"messageId={message}", $"messageId={message}&orderId={message}&fingerprint={group}"])
        {
            (await ListAsync(client, query)).ShouldHaveSingleItem().GetProperty("messageId").GetString().ShouldBe(message, query);
        }

        (await ListAsync(client, $"orderId={Guid.CreateVersion7()}")).ShouldBeEmpty();
        (await ListAsync(client, $"messageId={message}&status=parked")).ShouldBeEmpty();
        using var wrong = await client.GetAsync(Path("?orderId=none"), Token);
        wrong.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task They_are_grouped_by_cause_with_the_failures_of_each_hour()
    {
        using var client = fixture.Operator();
        var queue = $"work.{Guid.CreateVersion7():n}";
        var (many, few) = (await fixture.Database.AddLettersAsync(5, queue), await fixture.Database.AddLettersAsync(2, queue));
        await fixture.Database.ExecuteAsync(
            $$"""
            UPDATE messaging.dead_letters SET failed_at = now() - interval '90 minutes', first_failed_at = now() - interval '90 minutes', exception_type = 'Old'
            WHERE id = (SELECT id FROM messaging.dead_letters WHERE fingerprint = '{{many}}' LIMIT 1);
            UPDATE messaging.dead_letters SET first_failed_at = now() - interval '30 hours', failures = 3, history = jsonb_build_array(
                jsonb_build_object('event', 'failed', 'at', now() - interval '30 hours'), jsonb_build_object('event', 'failed', 'at', now() - interval '5 hours 30 minutes'),
                jsonb_build_object('event', 'retried', 'at', now() - interval '4 hours 30 minutes'), jsonb_build_object('event', 'failed', 'at', now()))
            WHERE id = (SELECT id FROM messaging.dead_letters WHERE fingerprint = '{{few}}' LIMIT 1);
            UPDATE messaging.dead_letters SET exception_type = coalesce(exception_type, 'New'), exception_message = 'why' WHERE queue = '{{queue}}';
            """);

        var first = await client.GetFromJsonAsync<JsonElement>(Path($"groups?queue={queue}&limit=1"), Token);
        var group = first.GetProperty("items").EnumerateArray().ShouldHaveSingleItem();
        group.GetProperty("fingerprint").GetString().ShouldBe(many);
        group.GetProperty("count").GetInt32().ShouldBe(5);
        group.GetProperty("queue").GetString().ShouldBe(queue);
        group.GetProperty("reason").GetString().ShouldBe("failed");
        group.GetProperty("exceptionType").GetString().ShouldBe("New", "that of the newest");
        group.GetProperty("exceptionMessage").GetString().ShouldBe("why");
        Trend(group).ShouldBe([.. Enumerable.Repeat(0, 22), 1, 4]);
        group.GetProperty("lastFailedAt").GetDateTimeOffset().ShouldBeGreaterThan(group.GetProperty("firstFailedAt").GetDateTimeOffset());

        var second = await client.GetFromJsonAsync<JsonElement>(
            Path($"groups?queue={queue}&limit=1&cursor={first.GetProperty("nextCursor").GetString()}"), Token);
        group = second.GetProperty("items").EnumerateArray().ShouldHaveSingleItem();
        group.GetProperty("fingerprint").GetString().ShouldBe(few);
        Trend(group).ShouldBe([.. Enumerable.Repeat(0, 18), 1, 0, 0, 0, 0, 2], "each failure of a message counts");
        second.GetProperty("nextCursor").ValueKind.ShouldBe(JsonValueKind.Null);
        (await client.GetFromJsonAsync<JsonElement>(Path($"groups?queue={queue}&status=deleted"), Token)).GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task One_says_what_its_body_must_be_and_whether_its_message_was_processed()
    {
        using var client = fixture.Operator();
        var (letter, message) = await AddAsync();
        var details = await FindAsync(client, letter);
        details.GetProperty("processed").GetBoolean().ShouldBeFalse();
        details.GetProperty("notes").GetArrayLength().ShouldBe(0);
        var schema = details.GetProperty("schema");
        schema.GetProperty("properties").GetProperty("messageId").GetProperty("const").GetString().ShouldBe(message);
        var record = schema.GetProperty("properties").GetProperty("message");
        record.GetProperty("required").EnumerateArray().Select(r => r.GetString()).ShouldBe(["subject", "number"]);
        record.GetProperty("properties").GetProperty("subject").GetProperty("format").GetString().ShouldBe("uuid");

        // A copy of it was handled.
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync(WorkQueues.Commands, Guid.Parse(message), new DoWork(Guid.Parse(message), 1));
        await Poll.UntilAsync(async () => (await FindAsync(client, letter)).GetProperty("processed").GetBoolean(), "the copy to be handled");

        var cancelled = Guid.CreateVersion7();
        await fixture.Database.ExecuteAsync(
            $$"""
            UPDATE messaging.dead_letters SET content_type = 'application/json', queue = '{{WorkQueues.Cancelled}}', body = '{}', headers = jsonb_build_object(
                'cloudEvents_specversion', '1.0', 'cloudEvents_id', '{{cancelled}}', 'cloudEvents_source', 'urn:test', 'cloudEvents_time', '2026-01-01T00:00:00Z',
                'cloudEvents_subject', '{{cancelled}}', 'cloudEvents_type', 'shop.order.cancelled.v1') WHERE id = '{{letter}}'
            """);
        details = await FindAsync(client, letter);
        details.GetProperty("schema").GetProperty("title").GetString().ShouldBe("shop.order.cancelled.v1");
        details.GetProperty("schema").GetProperty("required").EnumerateArray().Select(r => r.GetString()).ShouldContain("orderId");
        details.GetProperty("processed").GetBoolean().ShouldBeFalse();
        using var refused = await client.PostAsJsonAsync(Path($"{letter}/edit"), new { body = new { orderId = "none" }, reason = "a typo" }, Token);
        (await ErrorsAsync(refused)).ShouldBe(["body.orderId"]);
    }

    [Fact]
    public async Task An_edited_message_is_handled_under_its_id_and_what_is_no_body_of_its_type_is_refused()
    {
        using var client = fixture.Operator();
        var (letter, message) = await AddAsync();
        var other = Guid.CreateVersion7();
        var body = JsonNode.Parse((await FindAsync(client, letter)).GetProperty("body").GetRawText())!.AsObject();
        (Action<JsonObject> Change, string Field)[] wrong =
        [
            (b => b["messageId"] = Guid.CreateVersion7().ToString(), "body.messageId"), (b => b["messageType"] = new JsonArray("other"), "body.messageType"),
            (b => b.Remove("message"), "body.message"), (b => b["message"]!["number"] = "seven", "body.message.number"),
            (b => b["message"]!.AsObject().Remove("subject"), "body.message.subject"),
        ];
        foreach (var (change, field) in wrong)
        {
            var changed = body.DeepClone().AsObject();
            change(changed);
            using var refused = await client.PostAsJsonAsync(Path($"{letter}/edit"), new { body = changed, reason = "a try" }, Token);
            (await ErrorsAsync(refused)).ShouldBe([field]);
        }

        body["message"]!["subject"] = other.ToString();
        using var edited = await client.PostAsJsonAsync(Path($"{letter}/edit"), new { body, reason = "the other order was meant" }, Token);
        edited.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(() => EffectsAsync(other), n => n == 1, "the effect of what was edited");
        (await EffectsAsync(Guid.Parse(message))).ShouldBe(0);
        var details = await FindAsync(client, letter);
        details.GetProperty("messageId").GetString().ShouldBe(message);
        var entry = details.GetProperty("history").EnumerateArray().Last();
        entry.GetProperty("event").GetString().ShouldBe("edited");
        entry.GetProperty("reason").GetString().ShouldBe("the other order was meant");
        entry.GetProperty("by").GetString().ShouldNotBeNullOrEmpty();
        await Poll.UntilAsync(async () => (await FindAsync(client, letter)).GetProperty("processed").GetBoolean(), "the inbox to have it, under its id");
        using var again = await client.PostAsJsonAsync(Path($"{letter}/edit"), new { body, reason = "again" }, Token);
        again.StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task A_parked_one_counts_no_more_until_it_is_opened_again()
    {
        using var client = fixture.Operator();
        var (letter, message) = await AddAsync();
        (await PostAsync(client, letter, "park", new { reason = "the partner mends it" })).ShouldBe(HttpStatusCode.OK);
        (await PostAsync(client, letter, "park", new { reason = "again" })).ShouldBe(HttpStatusCode.Conflict);
        (await PostAsync(client, letter, "park", new { })).ShouldBe(HttpStatusCode.BadRequest);
        (await PostAsync(client, letter, "retry", null)).ShouldBe(HttpStatusCode.Conflict);
        (await ListAsync(client, $"messageId={message}")).ShouldBeEmpty();
        (await ListAsync(client, $"messageId={message}&status=parked")).ShouldHaveSingleItem();
        (await FindAsync(client, letter)).GetProperty("history").EnumerateArray().Last().GetProperty("reason").GetString().ShouldBe("the partner mends it");

        (await PostAsync(client, letter, "reopen", new { reason = "mended" })).ShouldBe(HttpStatusCode.OK);
        (await PostAsync(client, letter, "reopen", new { reason = "again" })).ShouldBe(HttpStatusCode.Conflict);
        (await ListAsync(client, $"messageId={message}")).ShouldHaveSingleItem();
        (await PostAsync(client, Guid.CreateVersion7(), "park", new { reason = "nothing" })).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_is_dropped_can_be_restored_for_a_day_and_then_says_nothing_any_more()
    {
        using var client = fixture.Operator();
        var (letter, _) = await AddAsync();
        (await PostAsync(client, letter, "notes", new { text = "about Ada" })).ShouldBe(HttpStatusCode.Created);
        (await PostAsync(client, letter, "park", new { reason = "Ada asked" })).ShouldBe(HttpStatusCode.OK);
        (await PostAsync(client, letter, "restore", null)).ShouldBe(HttpStatusCode.Conflict);
        (await DeleteAsync(client, letter)).ShouldBe(HttpStatusCode.NoContent);
        (await PostAsync(client, letter, "restore", null)).ShouldBe(HttpStatusCode.OK);
        var restored = await FindAsync(client, letter);
        restored.GetProperty("status").GetString().ShouldBe("parked", "as it was before");
        restored.GetProperty("body").GetProperty("message").ValueKind.ShouldBe(JsonValueKind.Object);

        (await DeleteAsync(client, letter)).ShouldBe(HttpStatusCode.NoContent);
        (await DeleteAsync(client, letter)).ShouldBe(HttpStatusCode.NotFound);
        var retention = fixture.Services.GetRequiredService<Retention>();
        await retention.SweepAsync(Token);
        (await FindAsync(client, letter)).GetProperty("body").GetProperty("message").ValueKind.ShouldBe(JsonValueKind.Object, "it can be restored still");
        await fixture.Database.ExecuteAsync(
            $"UPDATE messaging.dead_letters SET deleted_at = deleted_at - interval '{new MessagingOptions().DeadLetterUndo.TotalSeconds} s' WHERE id = '{letter}'");
        (await PostAsync(client, letter, "restore", null)).ShouldBe(HttpStatusCode.Conflict, "too late, though nobody has swept");
        await retention.SweepAsync(Token);
        var gone = await FindAsync(client, letter);
        gone.GetProperty("body").GetString().ShouldBeEmpty();
        gone.GetRawText().ShouldNotContain("Ada");
        gone.GetProperty("history").EnumerateArray().Last().GetProperty("event").GetString().ShouldBe("deleted");
        (await PostAsync(client, letter, "restore", null)).ShouldBe(HttpStatusCode.Conflict);
        (await PostAsync(client, Guid.CreateVersion7(), "restore", null)).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_note_is_there_for_the_next_one_who_looks()
    {
        using var client = fixture.Operator();
        var (letter, _) = await AddAsync();
        foreach (var text in (string[])["first", "second"])
        {
            using var noted = await client.PostAsJsonAsync(Path($"{letter}/notes"), new { text }, Token);
            noted.StatusCode.ShouldBe(HttpStatusCode.Created);
            (await noted.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("text").GetString().ShouldBe(text);
        }

        var notes = (await FindAsync(client, letter)).GetProperty("notes").EnumerateArray().ToList();
        notes.Select(n => n.GetProperty("text").GetString()).ShouldBe(["first", "second"]);
        notes.ShouldAllBe(n => n.GetProperty("at").GetDateTimeOffset() > DateTimeOffset.UnixEpoch && n.GetProperty("by").GetString()!.Length > 0);
        (await PostAsync(client, letter, "notes", new { text = " " })).ShouldBe(HttpStatusCode.BadRequest);
        (await PostAsync(client, Guid.CreateVersion7(), "notes", new { text = "nothing" })).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_is_done_with_one_is_recorded_by_the_transaction_that_does_it_or_not_done()
    {
        using var client = fixture.Operator();
        var (letter, _) = await AddAsync();
        var body = JsonNode.Parse((await FindAsync(client, letter)).GetProperty("body").GetRawText());
        (string Path, object? Body)[] acts =
        [
            ($"{letter}/edit", new { body, reason = "r" }), ($"{letter}/park", new { reason = "r" }), ($"{letter}/notes", new { text = "t" }),
            ("retries", new { ids = new[] { letter }, because = "r" }),
        ];
        foreach (var (path, content) in acts)
        {
            var refused = Guid.CreateVersion7().ToString();
            await fixture.Database.RefuseAuditOfAsync(refused);
            (await AskAsync(path, content, refused)).ShouldBe(HttpStatusCode.InternalServerError, path);
        }

        (await fixture.Database.ScalarAsync<string>($"SELECT concat(status, notes, waits_for) FROM messaging.dead_letters WHERE id = '{letter}'")).ShouldBe("open[]");
        var recorded = Guid.CreateVersion7().ToString();
        (await AskAsync("retries", new { ids = new[] { letter }, because = "the cause is mended" }, recorded)).ShouldBe(HttpStatusCode.Accepted);
        (await fixture.Database.ScalarAsync<string>($"SELECT string_agg(reason, ',') FROM audit.entries WHERE correlation_id = '{recorded}'"))
            .ShouldBe("the cause is mended");

        async Task<HttpStatusCode> AskAsync(string path, object? content, string correlation)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Path(path)) { Content = JsonContent.Create(content) };
            request.Headers.Add("X-Correlation-Id", correlation);
            using var answer = await client.SendAsync(request, Token);
            return answer.StatusCode;
        }
    }

    private static Uri Path(string path) => new("/v1/ops/dead-letters" + (path.StartsWith('?') ? path : "/" + path), UriKind.Relative);

    private static IEnumerable<int> Trend(JsonElement group) => group.GetProperty("trend").EnumerateArray().Select(t => t.GetInt32());

    private async Task<(Guid Letter, string Message)> AddAsync()
    {
        var group = await fixture.Database.AddLettersAsync(1);
        return (
            await fixture.Database.ScalarAsync<Guid>($"SELECT id FROM messaging.dead_letters WHERE fingerprint = '{group}'"),
            (await fixture.Database.ScalarAsync<string>($"SELECT message_id FROM messaging.dead_letters WHERE fingerprint = '{group}'"))!);
    }

    private static async Task<List<JsonElement>> ListAsync(HttpClient client, string query) =>
        [.. (await client.GetFromJsonAsync<JsonElement>(Path("?" + query), Token)).GetProperty("items").EnumerateArray()];

    private static Task<JsonElement> FindAsync(HttpClient client, Guid letter) => client.GetFromJsonAsync<JsonElement>(Path($"{letter}"), Token);

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, Guid letter, string act, object? body)
    {
        using var content = body is null ? null : JsonContent.Create(body);
        using var answer = await client.PostAsync(Path($"{letter}/{act}"), content, Token);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> DeleteAsync(HttpClient client, Guid letter)
    {
        using var answer = await client.DeleteAsync(Path($"{letter}"), Token);
        return answer.StatusCode;
    }

    private static async Task<IEnumerable<string>> ErrorsAsync(HttpResponseMessage answer)
    {
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("errors").EnumerateObject().Select(e => e.Name);
    }

    private Task<long> EffectsAsync(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'");
}
