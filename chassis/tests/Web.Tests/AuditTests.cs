using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chassis.Web.Tests;

public sealed class The_audit(SampleOnASocket service) : IClassFixture<SampleOnASocket>
{
    private readonly string _correlation = Guid.CreateVersion7().ToString();
    private readonly string _user = Guid.CreateVersion7().ToString();
    private readonly Guid _thing = Guid.CreateVersion7();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Says_who_did_what_to_what_from_where_and_why()
    {
        using var client = Operator(tenant: "north");
        (await client.PostAsJsonAsync($"/things/{_thing}/withdraw", new { reason = "it burns" }, Token)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

        var entry = (await Entries(client, $"?about={_thing}")).ShouldHaveSingleItem();
        entry.ShouldSatisfyAllConditions(
            e => e.GetProperty("kind").GetString().ShouldBe("act"),
            e => e.GetProperty("event").GetString().ShouldBe("POST /things/{id:guid}/withdraw"),
            e => e.GetProperty("userId").GetString().ShouldBe(_user),
            e => e.GetProperty("tenantId").GetString().ShouldBe("north"),
            e => e.GetProperty("address").GetString().ShouldBe("127.0.0.1"),
            e => e.GetProperty("addressHash").GetString()!.Length.ShouldBe(32),
            e => e.GetProperty("ids").GetProperty("id").GetString().ShouldBe(_thing.ToString()),
            e => e.GetProperty("reason").GetString().ShouldBe("it burns"),
            e => e.GetProperty("status").GetInt32().ShouldBe(202),
            e => e.GetProperty("correlationId").GetString().ShouldBe(_correlation));
        var line = service.Log.Lines.Where(
            l => l.Contains("Audit: act POST /things/{id:guid}/withdraw 202", StringComparison.Ordinal)
                && l.Contains(_user, StringComparison.Ordinal)).ShouldHaveSingleItem();
        line.ShouldNotContain("127.0.0.1");
        line.ShouldNotContain("burns");
    }

    [Fact]
    public async Task Is_a_tenants_own_to_its_operators_and_found_by_every_filter()
    {
        using var north = Operator(tenant: "north");
        using var south = Operator(tenant: "south");
        using var all = Operator();
        using var read = await north.GetAsync($"/things/operators/{_thing}?order={_thing}&search=Ada", Token);
        read.StatusCode.ShouldBe(HttpStatusCode.OK);

        var entry = (await Entries(
            north,
            $"?about={_thing}&kind=act&userId={_user}&correlationId={_correlation}&event=GET%20/things/operators/%7Bid:guid%7D&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"))
            .ShouldHaveSingleItem();
        entry.GetProperty("ids").EnumerateObject().Select(i => i.Name).ShouldBe(["id", "order"], ignoreOrder: true);
        (await Entries(south, $"?about={_thing}")).ShouldBeEmpty();
        (await Entries(all, $"?about={_thing}")).ShouldHaveSingleItem();
        (await Entries(all, $"?about={Guid.CreateVersion7()}")).ShouldBeEmpty();
        (await Entries(all, $"?about={_thing}&kind=authentication")).ShouldBeEmpty();
        (await Entries(all, $"?about={_thing}&to=2020-01-01T00:00:00Z")).ShouldBeEmpty();
        (await all.GetAsync("/v1/ops/audit?kind=guess", Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Comes_in_pages_the_newest_first()
    {
        using var client = Operator();
        foreach (var _ in Enumerable.Range(0, 3))
        {
            await client.GetAsync($"/things/operators/{_thing}", Token);
        }

        const string these = "event=GET%20/things/operators/%7Bid:guid%7D";
        var first = await client.GetFromJsonAsync<JsonElement>($"/v1/ops/audit?about={_thing}&{these}&limit=2", Token);
        var second = await client.GetFromJsonAsync<JsonElement>(
            $"/v1/ops/audit?about={_thing}&{these}&limit=2&cursor={first.GetProperty("nextCursor").GetString()}", Token);

        long[] positions =
        [
            .. new[] { first, second }.SelectMany(p => p.GetProperty("items").EnumerateArray()).Select(e => e.GetProperty("position").GetInt64()),
        ];
        positions.Length.ShouldBe(3);
        positions.ShouldBe(positions.OrderDescending());
        second.GetProperty("nextCursor").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Theory]
    [InlineData("withdraw", null)]
    [InlineData("withdraw-once", null)]
    [InlineData("withdraw-once", "a key")]
    public async Task Is_written_by_the_transaction_that_does_it(string act, string? key)
    {
        await service.Database.NoteWritesAsync();
        using var client = Operator(key: key);
        (await client.PostAsJsonAsync($"/things/{_thing}/{act}", new { reason = "broken" }, Token)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

        (await service.Database.WrittenWithAsync(_correlation)).ShouldContain("public.things");
        (await service.Database.AuditedAsync(_correlation)).ShouldBe([($"POST /things/{{id:guid}}/{act}", 202)]);
    }

    [Theory]
    [InlineData("withdraw", null)]
    [InlineData("withdraw-once", null)]
    [InlineData("withdraw-once", "a key")]
    public async Task That_cannot_be_written_lets_nothing_happen(string act, string? key)
    {
        await service.Database.RefuseAuditOfAsync(_correlation);
        using var client = Operator(key: key);

        using var answer = await client.PostAsJsonAsync($"/things/{_thing}/{act}", new { reason = "broken" }, Token);

        ((int)answer.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM things WHERE id = '{_thing}'")).ShouldBe(0);
    }

    [Fact]
    public async Task That_cannot_be_written_lets_nothing_be_read()
    {
        await service.Database.RefuseAuditOfAsync(_correlation);
        using var client = Operator();

        using var answer = await client.GetAsync($"/things/operators/{_thing}", Token);

        ((int)answer.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        (await answer.Content.ReadAsStringAsync(Token)).ShouldNotContain("somebody");
    }

    [Theory]
    [InlineData("GET", "/things/operators/{0}", null, "operator", 200)]
    [InlineData("GET", "/things/operators/{0}", null, "customer", 403)]
    [InlineData("POST", "/things/{0}/withdraw", "{}", "operator", 400)]
    [InlineData("POST", "/things/{0}/withdraw", "{\"reason\": \" \"}", "operator", 400)]
    [InlineData("GET", "/things/{0}", null, "operator", 200)]
    [InlineData("GET", "/things/{0}", null, "customer", null)]
    [InlineData("GET", "/things/open", null, "operator", null)]
    public async Task Has_every_call_of_an_operator_and_of_what_is_for_operators(string method, string path, string? body, string role, int? recorded)
    {
        using var client = Client(role);
        using var request = new HttpRequestMessage(new HttpMethod(method), string.Format(System.Globalization.CultureInfo.InvariantCulture, path, _thing));
        request.Content = body is null ? null : new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

        using var answer = await client.SendAsync(request, Token);

        (await service.Database.AuditedAsync(_correlation)).Select(e => e.Status).ShouldBe(recorded is { } status ? [status] : []);
        ((int)answer.StatusCode).ShouldBe(recorded ?? 200);
    }

    [Fact]
    public async Task Has_nothing_of_strangers_who_could_fill_it()
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.Add("X-Correlation-Id", _correlation);
        (await client.GetAsync($"/things/operators/{_thing}", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await service.Database.AuditedAsync(_correlation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Takes_a_reason_from_a_header_too()
    {
        using var client = Operator();
        client.DefaultRequestHeaders.Add("X-Reason", "ticket\t4711");
        await client.GetAsync($"/things/operators/{_thing}", Token);
        (await Entries(client, $"?about={_thing}")).ShouldHaveSingleItem().GetProperty("reason").GetString().ShouldBe("ticket4711");
    }

    [Theory]
    [InlineData("UPDATE audit.entries SET status = 200")]
    [InlineData("DELETE FROM audit.entries")]
    [InlineData("TRUNCATE audit.entries")]
    public async Task Is_changed_by_nobody(string sql)
    {
        using var client = Operator();
        await client.GetAsync($"/things/operators/{_thing}", Token);

        (await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(service.Database.Runtime, sql))).SqlState.ShouldBe(
            PostgresErrorCodes.InsufficientPrivilege);
        (await Should.ThrowAsync<PostgresException>(() => service.Database.ExecuteAsync(sql))).SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
        (await service.Database.AuditedAsync(_correlation)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Forgets_addresses_first_and_acts_later_and_none_of_the_last_thirty_days_for_anybody()
    {
        await service.Database.ExecuteAsync(
            $$"""
            INSERT INTO audit.entries (at, user_id, kind, event, address, address_hash, ids, status, correlation_id)
            SELECT now() - days * interval '1 day', '{{_user}}', 'act', 'GET /x', '203.0.113.7', 'hash', '{}', 200, days::text FROM unnest(ARRAY[1, 89, 91, 399, 401]) AS days
            """);

        await service.Services.GetRequiredService<AuditSweep>().SweepAsync(Token);

        (await service.Database.ScalarAsync<string>(
            "SELECT string_agg(correlation_id || ' ' || coalesce(address, '-'), ', ' ORDER BY at DESC) FROM audit.entries WHERE user_id = '" + _user + "'"))
            .ShouldBe("1 203.0.113.7, 89 203.0.113.7, 91 -, 399 -");
        (await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(service.Database.Runtime, "SELECT audit.sweep('1 day', '1 day')"))).SqlState.ShouldBe(
            PostgresErrorCodes.InsufficientPrivilege);
    }

    [Fact]
    public async Task Keeps_of_an_erased_person_what_was_done_under_the_id_alone()
    {
        using var client = Operator();
        await client.PostAsJsonAsync($"/things/{_thing}/withdraw", new { reason = "of Ada, who moved" }, Token);
        await using (var connection = new NpgsqlConnection(service.Database.Runtime))
        {
            await connection.OpenAsync(Token);
            await using var transaction = await connection.BeginTransactionAsync(Token);
            await AuditedPeople.ForgetAsync(transaction, [Guid.Parse(_user), _thing], Token);
            await transaction.CommitAsync(Token);
        }

        (await service.Database.ScalarAsync<string>(
            $"SELECT concat_ws(' ', event, user_id, coalesce(address, '-'), coalesce(address_hash, '-'), coalesce(reason, '-')) FROM audit.entries WHERE correlation_id = '{_correlation}'"))
            .ShouldBe($"POST /things/{{id:guid}}/withdraw {_user} - - -");
    }

    [Fact]
    public async Task Keeps_a_failed_sign_in_when_all_else_is_rolled_back_and_a_good_one_only_with_the_rest()
    {
        using var _ = OperationContext.Begin(new OperationContext(_correlation));
        await using var scope = service.Services.CreateAsyncScope();
        var (db, events) = (scope.ServiceProvider.GetRequiredService<DbContext>(), scope.ServiceProvider.GetRequiredService<AuthenticationEvents>());
        await using (await db.Database.BeginTransactionAsync(Token))
        {
            await events.RecordAsync(new AuthenticationEvent(AuthenticationEventKind.SignIn, 400) { Account = "ada@example.com", ClientId = "shop" }, Token);
            await events.RecordAsync(new AuthenticationEvent(AuthenticationEventKind.Refresh, 200) { UserId = _user }, Token);
        }

        await using (var transaction = await db.Database.BeginTransactionAsync(Token))
        {
            await events.RecordAsync(new AuthenticationEvent(AuthenticationEventKind.PasswordChange, 204) { UserId = _user }, Token);
            await transaction.CommitAsync(Token);
        }

        using var client = Operator();
        var entries = await Entries(client, $"?kind=authentication&correlationId={_correlation}");
        entries.Select(e => $"{e.GetProperty("event").GetString()} {e.GetProperty("status").GetInt32()}").ShouldBe(["password-change 204", "sign-in 400"]);
        var account = entries[1].GetProperty("ids").GetProperty("account").GetString()!;
        (await Entries(client, $"?about={account}")).ShouldHaveSingleItem();
        (await service.Database.FindAsync("ada@example.com")).ShouldBeEmpty();
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }

    /// <summary>Who has asked for them before is there too, and is left out.</summary>
    private static async Task<List<JsonElement>> Entries(HttpClient client, string query) =>
        [
            .. (await client.GetFromJsonAsync<JsonElement>($"/v1/ops/audit{query}", Token))
                .GetProperty("items")
                .EnumerateArray()
                .Where(e => e.GetProperty("event").GetString() != "GET /v1/ops/audit"),
        ];

    private HttpClient Operator(string? tenant = null, string? key = null) => Client("operator", tenant, key);

    private HttpClient Client(string role, string? tenant = null, string? key = null)
    {
        var client = service.Client(service.Tokens.For(_user, role, tenant));
        client.DefaultRequestHeaders.Add("X-Correlation-Id", _correlation);
        if (key is not null)
        {
            client.DefaultRequestHeaders.Add("Idempotency-Key", key);
        }

        return client;
    }
}
