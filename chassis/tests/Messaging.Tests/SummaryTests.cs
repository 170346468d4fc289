using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Messaging.CrashHost;
using Npgsql;

namespace Messaging.Tests;

/// <summary>The service at a glance.</summary>
public sealed class SummaryTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_says_what_every_part_says_by_itself()
    {
        using var client = fixture.Operator();
        await LettersAsync("open", 3);
        await LettersAsync("parked", 2);

        var summary = await Poll.UntilAsync(
            () => client.GetFromJsonAsync<JsonElement>("/v1/ops/summary", Token),
            s => s.GetProperty("checks").EnumerateArray().All(c => c.GetProperty("status").GetString() == "healthy"),
            "every check to be healthy");

        summary.GetProperty("service").GetString().ShouldBe(WorkHost.Name);
        summary.GetProperty("version").GetString().ShouldNotBeNullOrEmpty();
        summary.GetProperty("replica").GetGuid().ShouldNotBe(Guid.Empty);
        summary.GetProperty("startedAt").GetDateTimeOffset().ShouldBeLessThan(TimeProvider.System.GetUtcNow());
        using var anonymous = fixture.Anonymous();
        var ready = await anonymous.GetFromJsonAsync<JsonElement>("/health/ready", Token);
        summary.GetProperty("checks").EnumerateArray().Select(c => c.GetProperty("name").GetString()).ShouldBe(
            ready.GetProperty("checks").EnumerateObject().Select(c => c.Name), ignoreOrder: true);
        summary.GetProperty("unknown").GetArrayLength().ShouldBe(0);
        summary.GetProperty("projections").GetArrayLength().ShouldBe(0, "this one has none");
        summary.GetProperty("outbox").GetProperty("parked").GetInt64().ShouldBe(0);
        summary.GetProperty("outbox").GetProperty("asOf").GetDateTimeOffset().ShouldBeLessThanOrEqualTo(TimeProvider.System.GetUtcNow());
        var letters = summary.GetProperty("deadLetters");
        (letters.GetProperty("open").GetInt64(), letters.GetProperty("parked").GetInt64()).ShouldBe((3, 2));
        letters.GetProperty("newestAt").GetString()!.ShouldStartWith("2026-01-03T00:00:00");
    }

    [Fact]
    public async Task What_it_cannot_find_out_in_time_it_says_and_says_the_rest()
    {
        using var client = fixture.Operator();
        await using var blocker = new NpgsqlConnection(fixture.Database.Migrations);
        await blocker.OpenAsync(Token);
        await using var transaction = await blocker.BeginTransactionAsync(Token);
        await using (var command = new NpgsqlCommand("LOCK TABLE messaging.dead_letters IN ACCESS EXCLUSIVE MODE", blocker, transaction))
        {
            await command.ExecuteNonQueryAsync(Token);
        }

        var summary = await client.GetFromJsonAsync<JsonElement>("/v1/ops/summary", Token);

        summary.GetProperty("deadLetters").ValueKind.ShouldBe(JsonValueKind.Null);
        var unknown = summary.GetProperty("unknown").EnumerateArray().Single(u => u.GetProperty("part").GetString() == "deadLetters");
        unknown.GetProperty("reason").GetString()!.ShouldContain("2 s");
        summary.GetProperty("checks").GetArrayLength().ShouldBePositive();
        summary.GetProperty("projections").ValueKind.ShouldBe(JsonValueKind.Array);
        await transaction.RollbackAsync(Token);
        (await client.GetFromJsonAsync<JsonElement>("/v1/ops/summary", Token)).GetProperty("deadLetters").ValueKind.ShouldBe(JsonValueKind.Object);
    }

    private Task LettersAsync(string status, int count) => fixture.Database.ExecuteAsync(
        $$"""
        INSERT INTO messaging.dead_letters (id, message_id, message_type, queue, reason, fingerprint, content_type, headers, body, status, first_failed_at, failed_at)
        SELECT gen_random_uuid(), '{{status}}' || n, '', 'summary', '', '', '', '{}', '', '{{status}}', now(), timestamptz '2026-01-01 00:00Z' + (n - 1) * interval '1 day'
        FROM generate_series(1, {{count}}) AS n
        """);
}
