using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chassis.Web.Tests;

public sealed class An_idempotency_key(SampleService service) : IClassFixture<SampleService>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Runs_the_request_once_and_repeats_its_answer()
    {
        using var client = Client(Guid.NewGuid().ToString());
        using var first = await client.PostAsJsonAsync("/things", new { name = "once", quantity = 1 }, Token);
        using var second = await client.PostAsJsonAsync("/things", new { name = "once", quantity = 1 }, Token);

        first.StatusCode.ShouldBe(HttpStatusCode.Created);
        first.Headers.Contains("Idempotency-Replayed").ShouldBeFalse();
        second.StatusCode.ShouldBe(HttpStatusCode.Created);
        second.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await second.Content.ReadAsStringAsync(Token)).ShouldBe(await first.Content.ReadAsStringAsync(Token));
        second.Headers.Location.ShouldBe(first.Headers.Location);
        second.Headers.ETag.ShouldBe(first.Headers.ETag);
        second.Content.Headers.ContentType.ShouldBe(first.Content.Headers.ContentType);
        (await CountAsync("once")).ShouldBe(1);
    }

    [Fact]
    public async Task Is_refused_with_another_body()
    {
        using var client = Client(Guid.NewGuid().ToString());
        await client.PostAsJsonAsync("/things", new { name = "a body", quantity = 1 }, Token);
        using var other = await client.PostAsJsonAsync("/things", new { name = "a body", quantity = 2 }, Token);

        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        other.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    [Fact]
    public async Task Is_refused_at_another_address()
    {
        using var client = Client(Guid.NewGuid().ToString());
        await client.PostAsJsonAsync("/things", new { name = "an address", quantity = 1 }, Token);
        using var other = await client.PostAsJsonAsync("/things/slow", new { name = "an address", quantity = 1 }, Token);

        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Keeps_no_connection_while_what_takes_long_is_prepared()
    {
        using var client = Client(Guid.NewGuid().ToString());
        var request = client.PostAsJsonAsync("/things/prepared", new { name = "prepared", quantity = 1 }, Token);
        (await service.Reached.WaitAsync(TimeSpan.FromMinutes(1), Token)).ShouldBeTrue();
        (await service.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")).ShouldBe(0);
        service.Gate.Release();

        (await request).StatusCode.ShouldBe(HttpStatusCode.Created);
        using var again = await client.PostAsJsonAsync("/things/prepared", new { name = "prepared", quantity = 1 }, Token);
        again.StatusCode.ShouldBe(HttpStatusCode.Created, "what is there already is what this key has made");
        again.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
    }

    [Fact]
    public async Task Gives_nobody_who_has_the_table_a_way_to_try_out_guesses_of_the_body()
    {
        var key = Guid.NewGuid().ToString();
        using var client = Client(key);
        var body = """{"name":"guessed","quantity":1}""";
        using var created = await client.PostAsync("/things", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Token);
        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        var stored = await service.Database.ScalarAsync<byte[]>($"SELECT fingerprint FROM idempotency_keys WHERE key = '{key}'");

        // All that is in the table, in every order that suggests itself.
        foreach (var secret in (string[])[key, string.Empty])
        {
            foreach (var text in (string[])
            [
                $"POST /things\n{body}", $"POST /things/\n{body}", body, $"{key}\nPOST /things\n{body}", $"{key}\nPOST /things/\n{body}",
            ])
            {
                stored.ShouldNotBe(System.Security.Cryptography.HMACSHA256.HashData(
                    System.Text.Encoding.UTF8.GetBytes(secret), System.Text.Encoding.UTF8.GetBytes(text)));
                stored.ShouldNotBe(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(secret + text)));
            }
        }
    }

    [Fact]
    public async Task Keeps_no_secret_that_is_shown_once()
    {
        var key = Guid.NewGuid().ToString();
        using var client = Client(key);
        using var first = await client.PostAsJsonAsync("/things/with-secret", new { name = "sealed", quantity = 1 }, Token);
        (await first.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("secret").GetString().ShouldBe("secret-of-sealed");

        using var second = await client.PostAsJsonAsync("/things/with-secret", new { name = "sealed", quantity = 1 }, Token);
        second.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await second.Content.ReadFromJsonAsync<JsonElement>(Token)).EnumerateObject().Select(m => m.Name).ShouldBe(["name"]);
        (await service.Database.ScalarAsync<string>(
            $"SELECT k::text || convert_from(body, 'UTF8') FROM idempotency_keys k WHERE key = '{key}'")).ShouldNotContain("secret-of");
    }

    [Fact]
    public async Task Belongs_to_its_caller()
    {
        var key = Guid.NewGuid().ToString();
        using var one = Client(key);
        using var two = Client(key);
        using var first = await one.PostAsJsonAsync("/things", new { name = "mine", quantity = 1 }, Token);
        using var second = await two.PostAsJsonAsync("/things", new { name = "mine", quantity = 1 }, Token);

        second.Headers.Contains("Idempotency-Replayed").ShouldBeFalse();
        second.Headers.Location.ShouldNotBe(first.Headers.Location);
    }

    [Fact]
    public async Task In_progress_is_409_and_works_afterwards()
    {
        using var client = Client(Guid.NewGuid().ToString());
        var running = client.PostAsJsonAsync("/things/slow", new { name = "slow", quantity = 1 }, Token);
        (await service.Reached.WaitAsync(TimeSpan.FromMinutes(3), Token)).ShouldBeTrue();
        using var meanwhile = await client.PostAsJsonAsync("/things/slow", new { name = "slow", quantity = 1 }, Token);
        service.Gate.Release();
        using var first = await running;
        using var afterwards = await client.PostAsJsonAsync("/things/slow", new { name = "slow", quantity = 1 }, Token);

        meanwhile.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        first.StatusCode.ShouldBe(HttpStatusCode.Created);
        afterwards.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await CountAsync("slow")).ShouldBe(1);
    }

    [Fact]
    public async Task Of_a_refused_request_can_be_used_again()
    {
        using var client = Client(Guid.NewGuid().ToString());
        using var refused = await client.PostAsJsonAsync("/things", new { name = "again", quantity = 0 }, Token);
        using var accepted = await client.PostAsJsonAsync("/things", new { name = "again", quantity = 1 }, Token);

        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        accepted.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Leaves_nothing_behind_when_the_process_dies_before_the_commit()
    {
        var key = Guid.NewGuid().ToString();
        using var client = Client(key);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var running = client.PostAsJsonAsync("/things/slow", new { name = "dies", quantity = 1 }, cancel.Token);
        (await service.Reached.WaitAsync(TimeSpan.FromMinutes(3), Token)).ShouldBeTrue();
        await service.Database.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'test_%' AND datname = current_database() AND pid <> pg_backend_pid() AND usename <> current_user");
        service.Gate.Release();
        using var failed = await running;
        ((int)failed.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        (await CountAsync("dies")).ShouldBe(0);

        using var again = await client.PostAsJsonAsync("/things", new { name = "dies", quantity = 1 }, Token);
        again.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Theory]
    [InlineData(256)]
    [InlineData(4000)]
    public async Task That_is_too_long_is_400(int length)
    {
        using var client = Client(new string('k', length));
        using var answer = await client.PostAsJsonAsync("/things", new { name = "long", quantity = 1 }, Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Is_forgotten_after_a_day_or_on_demand_also_when_a_replica_of_the_version_before_stored_it(bool storedBefore)
    {
        using var client = Client(Guid.NewGuid().ToString());
        using var created = await client.PostAsJsonAsync("/things", new { name = "forgotten", quantity = 1 }, Token);
        var id = (await created.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("id").GetString()!;
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SampleDbContext>();
        if (storedBefore)
        {
            await service.Database.ExecuteAsync($"UPDATE idempotency_keys SET ids = NULL WHERE convert_from(body, 'UTF8') LIKE '%{id}%'");
        }

        await Idempotency.ForgetAsync(db, Guid.Parse(id), Token);
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM idempotency_keys WHERE convert_from(body, 'UTF8') LIKE '%{id}%'")).ShouldBe(0);

        using var again = await client.PostAsJsonAsync("/things", new { name = "forgotten", quantity = 1 }, Token);
        again.Headers.Contains("Idempotency-Replayed").ShouldBeFalse();
        await Idempotency.SweepAsync(db, TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(25), Token);
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM idempotency_keys")).ShouldBe(0);
    }

    [Fact]
    public async Task Is_forgotten_without_a_look_at_everybodys()
    {
        await using var connection = new NpgsqlConnection(service.Database.Migrations);
        await connection.OpenAsync(Token);
        var id = Guid.NewGuid();
        var statement = Idempotency.ForgetSql.Replace("{0}", $"'{id}'", StringComparison.Ordinal).Replace("{1}", $"'{id}'::uuid", StringComparison.Ordinal);
        // On a table this small nothing but that shows whether an index can be used at all.
        await using var command = new NpgsqlCommand($"SET enable_seqscan = off; EXPLAIN {statement}", connection);
        await using var reader = await command.ExecuteReaderAsync(Token);
        var plan = new List<string>();
        while (await reader.ReadAsync(Token))
        {
            plan.Add(reader.GetString(0));
        }

        plan.ShouldContain(line => line.Contains("idempotency_keys_ids", StringComparison.Ordinal));
        plan.ShouldContain(line => line.Contains("idempotency_keys_without_ids", StringComparison.Ordinal));
        plan.ShouldNotContain(line => line.Contains("Seq Scan", StringComparison.Ordinal));
    }

    private HttpClient Client(string key)
    {
        var client = service.Client(service.Tokens.For(Guid.NewGuid().ToString()));
        client.DefaultRequestHeaders.Add("Idempotency-Key", key);
        return client;
    }

    private Task<long> CountAsync(string name) => service.Database.ScalarAsync<long>($"SELECT count(*) FROM things WHERE name = '{name}'");
}
