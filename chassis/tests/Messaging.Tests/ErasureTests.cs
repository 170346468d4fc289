using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Messaging.Erasure;
using Contracts.Events;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Messaging.Tests;

/// <summary>An erasure takes everything of the person, in any alphabet, and nothing of anybody else, whatever anybody is called.</summary>
public sealed class ErasureTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Ada")]
    [InlineData("order")]
    [InlineData("Jürgen Müller")]
    [InlineData("山田 太郎")]
    [InlineData("a_%\\")]
    public async Task What_is_the_persons_goes_and_what_is_not_stays_as_it_was(string name)
    {
        var (person, order, stranger, strangersOrder) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        var theirs = new List<Guid>();
        foreach (var (user, id, called) in ((Guid, Guid, string)[])[(person, order, name), (stranger, strangersOrder, name)])
        {
            var address = new ShipTo(called, $"{called} street", "Canada", "K1A 0A9", "CA");
            var registered = new UserRegistered(user, $"{called}@example.org", called, "web", Noon, "en-CA");
            var confirmed = new OrderConfirmed(
                id, user, [new OrderLine("ADA-1", $"USB adapter, {called}", 1, new Money(5m, "EUR"))], new Money(5m, "EUR"), Noon);
            theirs.Add(await DeadLetterAsync(Envelope(new ShipOrder(id, address, user))));
            theirs.Add(await DeadLetterAsync(Envelope(new ShipOrder(id, address))));
            theirs.Add(await DeadLetterAsync(Event(registered), "shop.user.registered.v1"));
            await ParkAsync(Envelope(new ShipOrder(id, address, user)));
            await ParkAsync(Event(registered), "shop.user.registered.v1");
            await ParkAsync(Event(confirmed), "shop.order.confirmed.v1");
            await ArchiveAsync("shop.user.registered.v1", user, Event(registered));
            await ArchiveAsync("shop.order.confirmed.v1", id, Event(confirmed));
        }

        // Whoever acted is not whom it is about.
        theirs.Add(await DeadLetterAsync(Envelope(new ShipOrder(strangersOrder, new ShipTo(name, name, name, name, "CA"), stranger), actor: person)));
        var before = await RowsAboutAsync(stranger, strangersOrder);
        before.Count.ShouldBe(9);

        await EraseAsync(person, order);

        (await RowsAboutAsync(stranger, strangersOrder)).ShouldBe(before);
        var left = await RowsAboutAsync(person, order);
        left.Count.ShouldBe(8, "nothing is deleted: what is parked is still to be sent, and a dead letter may be retried");
        left.ShouldAllBe(row => !row.Explanation.Contains("quoted"));
        left.Count(row => row.Status == "open").ShouldBe(3);
        var texts = left.SelectMany(row => Texts(JsonNode.Parse(row.Body))).ToList();
        texts.Where(t => t == $"USB adapter, {name}").Count().ShouldBe(2, "a product is nobody's");
        texts.ShouldAllBe(t => t == $"USB adapter, {name}" || !t.Contains(name) && !t.Contains("Canada") && !t.Contains("K1A"));
        await ReadableAsync<ShipOrder>(theirs[0], ship => ship.Address.Country.ShouldBe("CA"));
    }

    [Fact]
    public async Task A_message_that_nobody_can_read_is_emptied_when_it_names_the_person()
    {
        var (person, stranger) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var broken = await DeadLetterAsync(Encoding.UTF8.GetBytes($$"""{"userId": "{{person}}", "fullName": "Ada"""));
        var strangers = await DeadLetterAsync(Encoding.UTF8.GetBytes($$"""{"userId": "{{stranger}}", "fullName": "Ada"""));

        await EraseAsync(person);

        (await StatusAsync(broken)).ShouldBe(("deleted", string.Empty));
        (await StatusAsync(strangers)).ShouldBe(("open", $$"""{"userId": "{{stranger}}", "fullName": "Ada"""));
    }

    [Fact]
    public async Task What_a_contract_does_not_know_goes_unless_it_is_an_id_or_a_time()
    {
        var (person, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var letter = await DeadLetterAsync(
            Encoding.UTF8.GetBytes($$"""{"userId":"{{person}}","nickname":"Ada","since":"2026-03-01T12:00:00Z","friends":[{"id":"{{other}}","name":"Bea"},"Cleo"],"points":7}"""),
            "other.member.v1");

        await EraseAsync(person);

        (await StatusAsync(letter)).ShouldBe(
            ("open", $$"""{"userId":"{{person}}","nickname":"erased","since":"2026-03-01T12:00:00Z","friends":[{"id":"{{other}}","name":"erased"},"erased"],"points":7}"""));
    }

    [Fact]
    public async Task What_can_be_restored_and_what_was_written_beside_it_is_erased_too()
    {
        var (person, stranger) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var letters = new List<Guid>();
        foreach (var user in (Guid[])[person, stranger])
        {
            letters.Add(await DeadLetterAsync(Envelope(new ShipOrder(Guid.CreateVersion7(), new ShipTo("Ada", "Ada street", "Canada", "K1A 0A9", "CA"), user))));
            letters.Add(await DeadLetterAsync(Encoding.UTF8.GetBytes($$"""{"userId": "{{user}}", "fullName": "Ada""")));
        }

        await ExecuteAsync(
            """
            UPDATE messaging.dead_letters SET status = 'deleted', deleted_from = 'open', deleted_at = now(),
                notes = jsonb_build_array(jsonb_build_object('at', now(), 'by', 'somebody', 'text', 'Ada called')),
                history = history || jsonb_build_object('at', now(), 'event', 'parked', 'by', 'somebody', 'reason', 'Ada called')
            WHERE id = ANY($1)
            """,
            letters.ToArray());

        await EraseAsync(person);

        var said = new List<(string Text, bool Restorable)>();
        foreach (var letter in letters)
        {
            var (status, body) = await StatusAsync(letter);
            status.ShouldBe("deleted");
            said.Add((
                body + await fixture.Database.ScalarAsync<string>($"SELECT concat(notes, history) FROM messaging.dead_letters WHERE id = '{letter}'"),
                await fixture.Database.ScalarAsync<bool>($"SELECT deleted_at IS NOT NULL FROM messaging.dead_letters WHERE id = '{letter}'")));
        }

        said.Select(s => s.Restorable).ShouldBe([true, false, true, true], "what is emptied cannot be restored");
        said.Take(2).ShouldAllBe(s => !s.Text.Contains("Ada") && s.Text.Contains("somebody") && s.Text.Contains("parked"));
        said.Skip(2).ShouldAllBe(s => s.Text.Contains("Ada called"));
    }

    [Fact]
    public async Task What_was_under_way_and_comes_later_is_erased_too()
    {
        var (person, order) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await EraseAsync(person, order);
        var late = await DeadLetterAsync(Envelope(new ShipOrder(order, new ShipTo("Ada", "Ada street", "Canada", "K1A 0A9", "CA"))));
        await ArchiveAsync("shop.user.registered.v1", person, Event(new UserRegistered(person, "ada@example.org", "Ada", "web", Noon)));

        await fixture.Services.GetRequiredService<LateTraces>().EraseAsync(Token);

        await ReadableAsync<ShipOrder>(late, ship => ship.Address.Name.ShouldBe("erased"));
        (await RowsAboutAsync(person, order)).ShouldAllBe(row => !row.Body.Contains("Ada"));
    }

    private async Task EraseAsync(Guid person, params Guid[] belongings)
    {
        await using var scope = fixture.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<WorkDatabase>();
        await using var transaction = await db.Database.BeginTransactionAsync(Token);
        await PersonalData.EraseAsync(db, person, belongings, Token);
        await transaction.CommitAsync(Token);
    }

    private static byte[] Event<T>(T message) => JsonSerializer.SerializeToUtf8Bytes(message, ContractJson.Options);

    private static byte[] Envelope<T>(T message, Guid? actor = null) => JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, object?>
        {
            ["messageId"] = Guid.CreateVersion7(),
            ["messageType"] = new[] { $"urn:message:{typeof(T).Namespace}:{typeof(T).Name}" },
            ["message"] = JsonSerializer.SerializeToNode(message, ContractJson.Options),
            ["headers"] = new Dictionary<string, object?> { ["x-user-id"] = actor },
        });

    private async Task<Guid> DeadLetterAsync(byte[] body, string type = "command")
    {
        var id = Guid.CreateVersion7();
        await ExecuteAsync(
            """
            INSERT INTO messaging.dead_letters (id, message_id, message_type, queue, reason, fingerprint, exception_message, stack_trace, content_type, headers, body, status, first_failed_at, failed_at, history)
            VALUES ($1, $1::text, $3, 'work.erasure', 'failed', 'f', 'quoted: ' || encode($2, 'escape'), 'quoted', 'application/json', '{}', $2, 'open', now(), now(),
                jsonb_build_array(jsonb_build_object('at', now(), 'event', 'failed', 'message', 'quoted')))
            """,
            id, body, type);
        return id;
    }

    private Task ParkAsync(byte[] body, string? type = null) => ExecuteAsync(
        """
        INSERT INTO messaging.outbox (message_id, exchange, routing_key, content_type, headers, body, mandatory, scheduled, due_at, parked_at)
        VALUES (gen_random_uuid(), 'nowhere', '', 'application/json', $2::jsonb, $1, true, false, now(), now())
        """,
        body, type is null ? "{}" : $$"""{"cloudEvents_type": "{{type}}"}""");

    private Task ArchiveAsync(string type, Guid subject, byte[] data) => ExecuteAsync(
        "INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data) VALUES (gen_random_uuid(), $1, $2, now(), '{}', $3::json)",
        type, subject.ToString(), Encoding.UTF8.GetString(data));

    /// <summary>Whatever is kept about one of the ids.</summary>
    private async Task<List<Kept>> RowsAboutAsync(params Guid[] ids)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT id::text, status, convert_from(body, 'UTF8'), concat(headers, exception_message, stack_trace, history) FROM messaging.dead_letters WHERE messaging.about(headers, body) && $1
            UNION ALL SELECT id::text, 'parked', convert_from(body, 'UTF8'), headers::text FROM messaging.outbox WHERE parked_at IS NOT NULL AND messaging.about(headers, body) && $1
            UNION ALL SELECT position::text, 'archived', data::text, headers::text FROM messaging.boundary_events WHERE subject = ANY($1::text[])
            ORDER BY 2, 1
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = ids });
        await using var reader = await command.ExecuteReaderAsync(Token);
        var rows = new List<Kept>();
        while (await reader.ReadAsync(Token))
        {
            rows.Add(new Kept(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3)));
        }

        return rows;
    }

    private static IEnumerable<string> Texts(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(m => Texts(m.Value)),
        JsonArray items => items.SelectMany(Texts),
        JsonValue value when value.TryGetValue<string>(out var text) => [text],
        _ => [],
    };

    private async Task<(string Status, string Body)> StatusAsync(Guid letter)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand("SELECT status, convert_from(body, 'UTF8') FROM messaging.dead_letters WHERE id = $1", connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = letter });
        await using var reader = await command.ExecuteReaderAsync(Token);
        (await reader.ReadAsync(Token)).ShouldBeTrue();
        return (reader.GetString(0), reader.GetString(1));
    }

    private async Task ReadableAsync<T>(Guid letter, Action<T> check)
    {
        var (status, body) = await StatusAsync(letter);
        status.ShouldBe("open");
        check(JsonDocument.Parse(body).RootElement.GetProperty("message").Deserialize<T>(ContractJson.Options)!);
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(fixture.Database.Migrations);
        await connection.OpenAsync(Token);
        return connection;
    }

    private sealed record Kept(string Id, string Status, string Body, string Explanation);
}
