using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Users.Persistence;

namespace Users.Tests;

public sealed class Erasure(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Leaves_no_trace_of_the_person_in_any_table()
    {
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri);
        var name = $"Wilhelmina Quartermaine {Guid.NewGuid():n}";
        var account = await service.RegisterAsync(name);
        using (var owner = await service.SignedInAsync(account))
        using (var admin = service.Operator())
        {
            owner.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
            admin.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
            await owner.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = name + " the Second" }, Token);
            await owner.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "second." + account.Email }, Token);
            await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = $"{name} asked for it" }, Token);
            (await service.Database.FindAsync(account.Email)).ShouldNotBeEmpty("the search must be able to find what is there");

            // Events on their way may still name the person; they arrive, and are gone.
            await tap.NextAsync("shop.user.deactivated.v1", account.Id.ToString());
            (await admin.DeleteAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }

        await tap.NextAsync("shop.user.erased.v1", account.Id.ToString());
        foreach (var trace in (string[])[name, account.Email, account.Email.Split('@')[0]])
        {
            await Poll.UntilAsync(() => service.Database.FindAsync(trace), tables => tables.Count == 0, $"no table to contain '{trace}'");
        }
    }

    [Fact]
    public async Task Is_repeated_after_a_restore_by_a_list_that_names_nobody()
    {
        var (known, returned, stranger) = (await service.RegisterAsync("Ada Lovelace"), await service.RegisterAsync($"Wilhelmina {Guid.NewGuid():n}"), Guid.CreateVersion7());
        using var admin = service.Operator();
        await admin.DeleteAsync($"/v1/users/{known.Id}", Token);
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.erased.v1");

        // The list was kept when both were erased; what was restored knows of one only.
        var list = await ListAsync(admin);
        list.ShouldContain(known.Id);
        list.ShouldNotContain(returned.Id);
        using var answer = await admin.PostAsJsonAsync(
            "/v1/ops/erasures/repeat", new { userIds = new[] { known.Id, returned.Id, stranger }, reason = "restored the backup of last night" }, Token);
        var outcome = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        outcome.ToString().ShouldBe($$"""{"erased":1,"toldAgain":1,"unknown":["{{stranger}}"]}""");

        await tap.NextAsync("shop.user.erased.v1", known.Id.ToString());
        await tap.NextAsync("shop.user.erased.v1", returned.Id.ToString());
        (await service.Database.FindAsync(returned.FullName)).ShouldBeEmpty();
        (await ListAsync(admin)).ShouldContain(returned.Id);

        using var twice = await admin.PostAsJsonAsync("/v1/ops/erasures/repeat", new { userIds = new[] { returned.Id }, reason = "again" }, Token);
        (await twice.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("toldAgain").GetInt32().ShouldBe(1);
        using var empty = await admin.PostAsJsonAsync("/v1/ops/erasures/repeat", new { userIds = Array.Empty<Guid>(), reason = "nobody" }, Token);
        empty.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    private static async Task<List<Guid>> ListAsync(HttpClient admin)
    {
        var (all, cursor) = (new List<Guid>(), (string?)null);
        do
        {
            var page = await admin.GetFromJsonAsync<JsonElement>($"/v1/ops/erasures?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}", Token);
            all.AddRange(page.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("userId").GetGuid()));
            page.GetProperty("items")
                .EnumerateArray()
                .SelectMany(e => e.EnumerateObject().Select(p => p.Name))
                .Distinct()
                .ShouldBeSubsetOf(["userId", "erasedAt"]);
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        return all;
    }

    [Fact]
    public async Task Keeps_the_shape_of_the_history()
    {
        var account = await service.RegisterAsync();
        using var owner = await service.SignedInAsync(account);
        await owner.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "Jane Doe" }, Token);
        await owner.DeleteAsync($"/v1/users/{account.Id}", Token);

        using var admin = service.Operator();
        var events = (await admin.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/events", Token)).GetProperty("items").EnumerateArray().ToList();
        events.Select(e => e.GetProperty("eventType").GetString()).ShouldBe(["user-registered", "profile-updated", "user-erased"]);
        events[0].GetProperty("payload").GetProperty("email").ValueKind.ShouldBe(JsonValueKind.Null);
        events[0].GetProperty("payload").GetProperty("source").GetString().ShouldBe("direct");
        events[1].GetProperty("payload").GetProperty("changes").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Ends_the_account_for_everybody_and_frees_the_address()
    {
        var account = await service.RegisterAsync();
        using var owner = await service.SignedInAsync(account);
        using var admin = service.Operator();
        (await owner.DeleteAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        foreach (var (client, expected) in ((HttpClient, HttpStatusCode)[])[(owner, HttpStatusCode.Unauthorized), (admin, HttpStatusCode.NotFound)])
        {
            (await client.GetAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(expected);
            (await client.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "Back" }, Token)).StatusCode.ShouldBe(expected);
            (await client.DeleteAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(expected);
        }

        (await admin.PostAsync($"/v1/users/{account.Id}/reactivate", null, Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await service.RegisterAsync(email: account.Email)).Id.ShouldNotBe(account.Id);
    }
}

public sealed class What_the_world_learns(UsersFixture service)
{
    [Fact]
    public async Task Is_one_event_per_change_in_order_and_in_plain_JSON()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        var account = await service.RegisterAsync();
        var id = account.Id.ToString();
        using var owner = await service.SignedInAsync(account);
        using var admin = service.Operator();
        var email = "second." + account.Email;
        owner.DefaultRequestHeaders.Add("X-Correlation-Id", "corr-users-1");
        await owner.PatchAsJsonAsync($"/v1/users/{id}", new { fullName = "Jane Doe" }, ct);
        await owner.PutAsJsonAsync($"/v1/users/{id}/email", new { email }, ct);
        using var again = await service.SignedInAsync(account with { Email = email });
        await again.PutAsJsonAsync($"/v1/users/{id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, ct);
        await admin.PostAsJsonAsync($"/v1/users/{id}/deactivate", new { reason = "chargeback" }, ct);
        await admin.PostAsync($"/v1/users/{id}/reactivate", null, ct);
        await admin.DeleteAsync($"/v1/users/{id}", ct);

        await tap.NextAsync("shop.user.erased.v1", id);
        await Poll.UntilAsync(() => Ends().Count == 4, "the ends of its sessions to be told");
        Ends().OrderBy(e => e.Sequence).Select(e => (e.Sequence, e.Body.GetProperty("epoch").GetInt32(), e.Body.GetProperty("reason").GetString())).ShouldBe(
            [(3, 1, "email_changed"), (4, 2, "password_changed"), (5, 3, "deactivated"), (7, 4, "erased")]);
        var events = tap.Seen.Where(e => e.Subject == id && e.Type != "shop.user.sessions-ended.v1").ToList();
        events.Select(e => (e.Type, e.Sequence)).ShouldBe(
        [
            ("shop.user.registered.v1", 1),
            ("shop.user.profile-updated.v1", 2),
            ("shop.user.email-changed.v1", 3),
            ("shop.user.deactivated.v1", 5),
            ("shop.user.reactivated.v1", 6),
            ("shop.user.erased.v1", 7),
        ]);
        events.ShouldAllBe(e => e.ContentType == "application/json");
        events[0].Body.GetProperty("email").GetString().ShouldBe(account.Email);
        events[0].Body.GetProperty("fullName").GetString().ShouldBe("Jane Miller");
        events[1].Headers["cloudEvents_correlationid"].ShouldBe("corr-users-1");
        events[1].Body.GetProperty("changes")[0].GetProperty("newValue").GetString().ShouldBe("Jane Doe");
        events[2].Body.GetProperty("oldEmail").GetString().ShouldBe(account.Email);
        events[2].Body.GetProperty("newEmail").GetString().ShouldBe(email);
        events[3].Body.GetProperty("reason").GetString().ShouldBe("chargeback");
        events[5].Body.EnumerateObject().Select(p => p.Name).ShouldBe(["userId", "erasedAt"]);

        List<TappedEvent> Ends() => [.. tap.Seen.Where(e => e.Subject == id && e.Type == "shop.user.sessions-ended.v1")];
    }

    [Fact]
    public async Task Is_nothing_when_nothing_was_stored()
    {
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        var account = await service.RegisterAsync();
        using var anonymous = service.Anonymous();
        using var taken = await anonymous.PostAsJsonAsync(
            "/v1/users", new { email = account.Email, password = "correct horse battery", fullName = "Twice" }, TestContext.Current.CancellationToken);
        taken.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        var marker = await service.RegisterAsync();

        await tap.NextAsync("shop.user.registered.v1", marker.Id.ToString());
        tap.Seen.Count(e => e.Body.TryGetProperty("email", out var email) && email.GetString() == account.Email).ShouldBe(1);
    }
}

public sealed class The_log(UsersFixture service)
{
    [Fact]
    public async Task Says_nothing_about_a_person_or_a_secret()
    {
        var ct = TestContext.Current.CancellationToken;
        var account = await service.RegisterAsync($"Perpetua Longfellow {Guid.NewGuid():n}");
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        await service.SignInAsync(account.Email, "a wrong password");
        using var owner = service.WithToken(tokens.GetProperty("access_token").GetString()!);
        using var admin = service.Operator();
        await admin.GetAsync($"/v1/users?search={account.Email}", ct);
        await owner.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = account.FullName + " II", more = account.Email }, ct);
        await owner.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = UsersFixture.OperatorEmail }, ct);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => owner.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "ii." + account.Email }, ct)));
        await admin.DeleteAsync($"/v1/users/{account.Id}", ct);

        service.Log.Lines.ShouldContain(l => l.Contains("/v1/users/{id:guid}", StringComparison.Ordinal));
        foreach (var secret in (string[])
        [
            account.Email,
            account.FullName,
            account.Password,
            tokens.GetProperty("refresh_token").GetString()!,
            owner.DefaultRequestHeaders.Authorization!.Parameter!,
        ])
        {
            service.Log.Lines.Where(l => l.Contains(secret, StringComparison.OrdinalIgnoreCase)).ShouldBeEmpty();
        }
    }
}

public sealed class The_users_database(UsersFixture service)
{
    [Fact]
    public Task Is_what_the_model_says() =>
        service.InScopeAsync<UsersDbContext, bool>(async db =>
        {
            await db.VerifySchemaAsync(
                service.Database.Migrations, "first_operator", "recovery_codes", "refresh_tokens", "second_factors", "sign_in_failures", "sign_in_networks");
            return true;
        });

    [Theory]
    [InlineData("UPDATE user_events SET event_type = 'x'")]
    [InlineData("DELETE FROM user_events")]
    [InlineData("TRUNCATE user_events")]
    [InlineData("ALTER TABLE users ADD COLUMN more text")]
    [InlineData("DROP TABLE users")]
    [InlineData("CREATE TABLE more (id int)")]
    public async Task Refuses_the_service_what_it_must_not_do(string sql)
    {
        await using var connection = new Npgsql.NpgsqlConnection(service.Database.Runtime);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        var refused = await Should.ThrowAsync<Npgsql.PostgresException>(() => command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
        refused.SqlState.ShouldBe(Npgsql.PostgresErrorCodes.InsufficientPrivilege);
    }
}
