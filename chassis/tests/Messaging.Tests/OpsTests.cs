using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Chassis.Messaging;
using Chassis.Messaging.Consuming;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>Whatever cannot be handled ends in the dead letters with its reason, and operators can do something about it.</summary>
public sealed class OpsTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_poisonous_command_becomes_a_dead_letter_and_a_retry_handles_it_under_the_same_id_exactly_once()
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        var (subject, id) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Poison.Add(subject);
        await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(subject, 1));

        var letter = await LetterAsync(client, id.ToString());
        letter.GetProperty("queue").GetString().ShouldBe(WorkQueues.Commands);
        letter.GetProperty("reason").GetString().ShouldBe("failed");
        letter.GetProperty("exceptionType").GetString().ShouldBe(typeof(InvalidOperationException).FullName);
        var letterId = letter.GetProperty("id").GetGuid();
        var details = await client.GetFromJsonAsync<JsonElement>(new Uri($"/v1/ops/dead-letters/{letterId}", UriKind.Relative), Token);
        details.GetProperty("body").GetProperty("message").GetProperty("subject").GetGuid().ShouldBe(subject);
        details.GetProperty("exception").GetProperty("stackTrace").GetString()!.ShouldContain(nameof(DoWorkConsumer));
        details.GetProperty("history").GetArrayLength().ShouldBe(1);

        Poison.Remove(subject);
        using var retried = await client.PostAsync(new Uri($"/v1/ops/dead-letters/{letterId}/retry", UriKind.Relative), null, Token);
        retried.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(() => Effects(subject, "done"), n => n == 1, "the effect");
        using var again = await client.PostAsync(new Uri($"/v1/ops/dead-letters/{letterId}/retry", UriKind.Relative), null, Token);
        again.StatusCode.ShouldBe(HttpStatusCode.Conflict);

        // The id is in the inbox now: a late copy of the first delivery changes nothing.
        await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(subject, 1));
        var fence = Guid.CreateVersion7();
        await channel.SendRawAsync(WorkQueues.Commands, Guid.CreateVersion7(), new DoWork(fence, 1));
        await Poll.UntilAsync(() => Effects(fence, "done"), n => n == 1, "the message behind it");
        (await Effects(subject, "done")).ShouldBe(1);
    }

    [Fact]
    public async Task Failures_of_one_cause_have_one_fingerprint_and_are_retried_together()
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        Guid[] subjects = [.. Enumerable.Range(0, 3).Select(_ => Guid.CreateVersion7())];
        foreach (var subject in subjects)
        {
            Poison.Add(subject);
            await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 2));
        }

        var letters = new List<JsonElement>();
        foreach (var subject in subjects)
        {
            letters.Add(await LetterAsync(client, subject.ToString()));
            Poison.Remove(subject);
        }

        var fingerprint = letters.Select(l => l.GetProperty("fingerprint").GetString()).Distinct().ShouldHaveSingleItem();
        using var response = await client.PostAsJsonAsync(new Uri("/v1/ops/dead-letters/retry", UriKind.Relative), new { fingerprint, rate = 50 }, Token);
        response.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await response.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("retried").GetInt32().ShouldBeGreaterThanOrEqualTo(3);
        foreach (var subject in subjects)
        {
            await Poll.UntilAsync(() => Effects(subject, "done"), n => n == 1, "the effect");
        }
    }

    [Theory]
    [InlineData(null, "shop.order.cancelled.v1", null, "no content type")]
    [InlineData("text/plain", "shop.order.cancelled.v1", null, "text/plain")]
    [InlineData("application/json", null, null, "cloudEvents_type")]
    [InlineData("application/json", "shop.order.cancelled.v9", null, "not known")]
    [InlineData("application/json", "shop.order.completed.v1", null, "No consumer")]
    [InlineData("application/json", "shop.order.cancelled.v1", "{}", "is required")]
    [InlineData("application/json", "shop.order.cancelled.v1", "not json", "not JSON")]
    [InlineData("application/json", "shop.order.cancelled.v1", """{"orderId":null}""", "orderId")]
    public async Task A_message_that_is_not_what_it_should_be_never_reaches_a_handler(string? contentType, string? type, string? body, string reason)
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        var id = Guid.CreateVersion7().ToString();
        var json = body ?? JsonSerializer.Serialize(Events.Cancelled(subject), ContractJson.Options);
        await channel.BasicPublishAsync(
            string.Empty, WorkQueues.Cancelled, false, Properties(id, contentType, type, subject), Encoding.UTF8.GetBytes(json), Token);

        var letter = await LetterAsync(client, id);
        letter.GetProperty("exceptionMessage").GetString()!.ShouldContain(reason);
        letter.GetProperty("queue").GetString().ShouldBe(WorkQueues.Cancelled);
        (await Effects(subject, "cancelled")).ShouldBe(0);
    }

    [Fact]
    public async Task Whatever_is_in_a_message_it_becomes_a_dead_letter_and_stops_nobody()
    {
        await using var channel = await fixture.OpenChannelAsync();
        var endless = new string('x', 100_000);
        (string? Header, object? Value)[] oddities =
        [
            (CloudEventHeaders.Id, endless), (CloudEventHeaders.Id, "evt\0\n\r1"), (CloudEventHeaders.Id, new byte[] { 0xFF, 0xFE, 0x00 }),
            (CloudEventHeaders.Type, endless), (CloudEventHeaders.Type, "shop.\0order"), (CloudEventHeaders.Source, endless), (CloudEventHeaders.Subject, "a\nb"),
            (CloudEventHeaders.Time, "\0"), (CloudEventHeaders.Sequence, endless), ("other\0", "\0"), ("other", new Dictionary<string, object?>
            {
                ["deep"] = new byte[] { 0x00, 0xC3 },
            }), (null, null),
        ];
        var markers = new List<string>();
        foreach (var queue in (string[])[WorkQueues.Cancelled, "work.dead-letters"])
        {
            foreach (var (header, value) in oddities)
            {
                var properties = Properties(Guid.CreateVersion7().ToString(), "application/json", "shop.order.cancelled.v1", Guid.CreateVersion7());
                properties.Headers![header ?? "more"] = value ?? "text";
                properties.ContentType = header is null ? "odd/\0type" : properties.ContentType;
                markers.Add($"marker {Guid.NewGuid()}");
                await channel.BasicPublishAsync(string.Empty, queue, false, properties, Encoding.UTF8.GetBytes(markers[^1]), Token);
            }
        }

        foreach (var marker in markers)
        {
            await Poll.UntilAsync(
                () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE body = convert_to('{marker}', 'UTF8')"),
                n => n == 1,
                $"{marker} to be a dead letter, once");
        }

        (await fixture.Database.ScalarAsync<int>(
            "SELECT max(greatest(length(message_id), length(message_type), length(content_type))) FROM messaging.dead_letters")).ShouldBeLessThan(256);
    }

    [Theory]
    [InlineData("22021", true)]
    [InlineData("22P05", true)]
    [InlineData("54000", true)]
    [InlineData("40001", false)]
    [InlineData("23505", false)]
    [InlineData("57P01", false)]
    public void A_value_that_the_database_refuses_is_not_tried_again(string state, bool final) => EndpointPolicy<WorkDatabase>.IsFinal(
        new Microsoft.EntityFrameworkCore.DbUpdateException("The save failed.", new Npgsql.PostgresException("refused", "ERROR", "ERROR", state))).ShouldBe(
            final);

    [Fact]
    public async Task What_an_operator_does_is_recorded_by_the_transaction_that_does_it_or_not_done()
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        var (subject, id) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Poison.Add(subject);
        await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(subject, 1));
        var letter = (await LetterAsync(client, id.ToString())).GetProperty("id").GetGuid();
        foreach (var (method, path) in new[] { (HttpMethod.Post, $"{letter}/retry"), (HttpMethod.Post, "retry"), (HttpMethod.Delete, $"{letter}") })
        {
            var refused = Guid.CreateVersion7().ToString();
            await fixture.Database.RefuseAuditOfAsync(refused);
            (await Ask(method, path, refused)).ShouldBe(HttpStatusCode.InternalServerError, path);
            (await fixture.Database.ScalarAsync<string>($"SELECT status FROM messaging.dead_letters WHERE id = '{letter}'")).ShouldBe("open", path);
        }

        await fixture.Database.NoteWritesAsync();
        var recorded = Guid.CreateVersion7().ToString();
        (await Ask(HttpMethod.Delete, $"{letter}", recorded)).ShouldBe(HttpStatusCode.NoContent);
        (await fixture.Database.WrittenWithAsync(recorded)).ShouldContain("messaging.dead_letters");
        Poison.Remove(subject);

        async Task<HttpStatusCode> Ask(HttpMethod method, string path, string correlation)
        {
            using var request = new HttpRequestMessage(method, new Uri($"/v1/ops/dead-letters/{path}", UriKind.Relative));
            request.Headers.Add("X-Correlation-Id", correlation);
            using var answer = await client.SendAsync(request, Token);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task What_is_closed_or_archived_goes_after_its_time_and_what_is_open_never()
    {
        var options = new MessagingOptions();
        var (archive, letters) = (options.ArchiveRetention.TotalDays, options.DeadLetterRetention.TotalDays);
        var mark = Guid.CreateVersion7().ToString("n");
        await fixture.Database.ExecuteAsync(
            $$"""
            INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
            SELECT gen_random_uuid(), '{{mark}}', age::text, now() - age * interval '1 day', '{}', '{}' FROM unnest(ARRAY[{{archive - 1}}, {{archive + 1}}]) AS age;
            INSERT INTO messaging.dead_letters (id, message_id, message_type, queue, reason, fingerprint, content_type, headers, body, status, first_failed_at, failed_at, history)
            SELECT gen_random_uuid(), status || age, '', '{{mark}}', '', '', '', '{}', '', status, now(), now() - 1000 * interval '1 day', jsonb_build_array(jsonb_build_object('at', now() - age * interval '1 day'))
            FROM unnest(ARRAY['open', 'parked', 'retried', 'deleted']) AS status, unnest(ARRAY[{{letters - 1}}, {{letters + 1}}]) AS age;
            """);

        await fixture.Services.GetRequiredService<Retention>().SweepAsync(Token);

        (await fixture.Database.ScalarAsync<string>(
            $"SELECT string_agg(subject, ' ') FROM messaging.boundary_events WHERE type = '{mark}'")).ShouldBe($"{archive - 1}");
        (await fixture.Database.ScalarAsync<string>(
            $"SELECT string_agg(message_id, ' ' ORDER BY message_id) FROM messaging.dead_letters WHERE queue = '{mark}'"))
            .ShouldBe($"deleted{letters - 1} open{letters - 1} open{letters + 1} parked{letters - 1} parked{letters + 1} retried{letters - 1}");
        await fixture.Database.ExecuteAsync($"DELETE FROM messaging.dead_letters WHERE queue = '{mark}'");
    }

    [Fact]
    public async Task What_the_broker_gives_up_by_itself_is_a_dead_letter_too()
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
        await channel.QueueDeclareAsync("work.deadly", durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: Token);
        var consumer = new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) => await channel.BasicNackAsync(e.DeliveryTag, false, requeue: true);
        await channel.BasicConsumeAsync("work.deadly", autoAck: false, consumer, Token);
        var id = Guid.CreateVersion7();
        await channel.SendRawAsync("work.deadly", id, new DoWork(id, 1));

        var letter = await LetterAsync(client, id.ToString());
        letter.GetProperty("reason").GetString().ShouldBe("undeliverable");
        letter.GetProperty("queue").GetString().ShouldBe("work.deadly");
        var details = await client.GetFromJsonAsync<JsonElement>(
            new Uri($"/v1/ops/dead-letters/{letter.GetProperty("id").GetGuid()}", UriKind.Relative), Token);
        details.GetProperty("headers").GetProperty("x-sent-by").GetString().ShouldBe(TestVhost.Account, "a retry is believed of whoever sent it first");
    }

    [Fact]
    public async Task A_replay_goes_to_one_queue_only_with_the_same_ids_and_is_marked()
    {
        using var client = fixture.Operator();
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            for (var i = 1; i <= 3; i++)
            {
                await scope.ServiceProvider.PublishCancelled(subject, i);
            }

            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        await Poll.UntilAsync(() => Effects(subject, "cancelled"), n => n == 3, "the first deliveries");
        var page = await client.GetFromJsonAsync<JsonElement>(new Uri($"/v1/ops/boundary-events?subject={subject}", UriKind.Relative), Token);
        var items = page.GetProperty("items").EnumerateArray().ToArray();
        items.Length.ShouldBe(3);
        items.Select(i => i.GetProperty("attributes").GetProperty("sequence").GetString()).ShouldBe(["1", "2", "3"]);

        await channel.QueueDeclareAsync("somebody.new", durable: false, exclusive: false, autoDelete: true, cancellationToken: Token);
        var received = await WorkFixture.ListenToQueueAsync(channel, "somebody.new");
        var from = items[0].GetProperty("time").GetDateTimeOffset();
        using var started = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative),
            new { from, types = new[] { "shop.order.cancelled.v1" }, destination = "somebody.new" }, Token);
        started.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(() => Replayed(received, subject).Length == 3, "three events");
        Replayed(received, subject).Select(
            m => m.BasicProperties.HeaderText(CloudEventHeaders.Id)).ShouldBe(items.Select(i => i.GetProperty("id").GetString()));
        Replayed(received, subject).ShouldAllBe(m => m.BasicProperties.HeaderText(CloudEventHeaders.Replay) == "true");
        (await Effects(subject, "cancelled")).ShouldBe(3);

        // To a consumer that has seen them: it sees them again, as a replay, once for each replay.
        using var second = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative),
            new { from, destination = WorkQueues.Cancelled, types = new[] { "shop.order.cancelled.v1" } },
            Token);
        second.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        using var aboutNobody = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative), new { from, destination = WorkQueues.Cancelled, subject = "nobody" }, Token);
        (await aboutNobody.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("events").GetInt64().ShouldBe(0);
        using var aboutThis = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative), new { from, destination = "somebody.new", subject = subject.ToString() }, Token);
        (await aboutThis.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("events").GetInt64().ShouldBe(3);
        await Poll.UntilAsync(() => Effects(subject, "replayed"), n => n == 3, "the replayed events");
        (await Effects(subject, "cancelled")).ShouldBe(3);
    }

    [Fact]
    public async Task A_replay_needs_a_queue_that_exists_and_an_operator()
    {
        using var client = fixture.Operator();
        using var nowhere = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative),
            new { from = TimeProvider.System.GetUtcNow().AddDays(-1), destination = "no.such.queue" },
            Token);
        using var unspeakable = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative),
            new { from = TimeProvider.System.GetUtcNow().AddDays(-1), destination = new string('é', 200) },
            Token);
        nowhere.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await nowhere.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("errors").TryGetProperty("destination", out _).ShouldBeTrue();
        unspeakable.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var customer = fixture.ClientFor(Guid.CreateVersion7());
        foreach (var path in (string[])["/v1/ops/outbox", "/v1/ops/dead-letters", "/v1/ops/boundary-events"])
        {
            using var refused = await customer.GetAsync(new Uri(path, UriKind.Relative), Token);
            refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
            using var anonymous = fixture.Anonymous();
            using var unknown = await anonymous.GetAsync(new Uri(path, UriKind.Relative), Token);
            unknown.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task A_command_to_a_queue_that_is_not_there_is_tried_again_then_parked_holds_up_nobody_and_leaves_when_it_is_released()
    {
        using var client = fixture.Operator();
        var (lost, kept) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.SendWork(lost, 1, "nowhere.commands");
            await scope.ServiceProvider.SendWork(kept, 1);
            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        await Poll.UntilAsync(() => Effects(kept, "done"), n => n == 1, "the neighbour's effect");
        // Tests beside it may have parked rows of their own.
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE outbox_key = '{lost}' AND parked_at IS NOT NULL"),
            n => n == 1,
            "its row to be parked");
        (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/ops/outbox", UriKind.Relative), Token))
            .GetProperty("parked")
            .GetInt64()
            .ShouldBeGreaterThanOrEqualTo(1);
        (await fixture.Database.ScalarAsync<string>($"SELECT last_error FROM messaging.outbox WHERE outbox_key = '{lost}'")).ShouldContain("no exchange");
        (await fixture.Database.ScalarAsync<int>($"SELECT attempts FROM messaging.outbox WHERE outbox_key = '{lost}'")).ShouldBe(4);

        await using var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeDeclareAsync("nowhere.commands", ExchangeType.Fanout, durable: true, cancellationToken: Token);
        await channel.QueueDeclareAsync("nowhere.commands", durable: true, exclusive: false, autoDelete: false, cancellationToken: Token);
        await channel.QueueBindAsync("nowhere.commands", "nowhere.commands", string.Empty, cancellationToken: Token);
        (await ReleaseAsync()).ShouldBeGreaterThanOrEqualTo(1);

        // The relay asks for an exchange that was missing only every two seconds; with the few attempts of this test the row may be parked once more.
        await Poll.UntilAsync(
            async () =>
            {
                await ReleaseAsync();
                return await channel.MessageCountAsync("nowhere.commands", Token);
            },
            n => n == 1,
            "the message that was parked",
            TimeSpan.FromSeconds(60));
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE outbox_key = '{lost}'"), n => n == 0, "its row to be gone");

        async Task<int> ReleaseAsync()
        {
            using var released = await client.PostAsync(new Uri("/v1/ops/outbox/release", UriKind.Relative), null, Token);
            return (await released.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("released").GetInt32();
        }
    }

    private static RabbitMQ.Client.Events.BasicDeliverEventArgs[] Replayed(IEnumerable<RabbitMQ.Client.Events.BasicDeliverEventArgs> received, Guid subject) =>
        [.. received.Where(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString())];

    private static BasicProperties Properties(string id, string? contentType, string? type, Guid subject)
    {
        var headers = new Dictionary<string, object?>
        {
            [CloudEventHeaders.SpecVersion] = "1.0",
            [CloudEventHeaders.Id] = id,
            [CloudEventHeaders.Source] = "urn:test",
            [CloudEventHeaders.Time] = "2026-01-01T00:00:00Z",
            [CloudEventHeaders.Subject] = subject.ToString(),
        };
        if (type is not null)
        {
            headers[CloudEventHeaders.Type] = type;
        }

        var properties = new BasicProperties { Headers = headers, UserId = TestVhost.Account };
        if (contentType is not null)
        {
            properties.ContentType = contentType;
        }

        return properties;
    }

    private static async Task<JsonElement> LetterAsync(HttpClient client, string messageId)
    {
        JsonElement found = default;
        await Poll.UntilAsync(
            async () =>
            {
                var page = await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/ops/dead-letters?limit=200", UriKind.Relative), Token);
                found = page.GetProperty("items").EnumerateArray().FirstOrDefault(i => i.GetProperty("messageId").GetString() == messageId);
                return found.ValueKind == JsonValueKind.Object;
            },
            $"dead letter of message {messageId}");
        return found;
    }

    private Task<long> Effects(Guid subject, string note) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = '{note}'");
}
