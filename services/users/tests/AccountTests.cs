using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;

namespace Users.Tests;

public sealed class An_account(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task That_is_erased_and_changed_at_once_is_erased_and_nobody_gets_an_error_of_ours()
    {
        using var admin = service.Operator();
        for (var i = 0; i < 10; i++)
        {
            var account = await service.RegisterAsync();
            using var owner = await service.SignedInAsync(account);
            var path = $"/v1/users/{account.Id}";
            HttpResponseMessage[] answers = await Task.WhenAll(
                admin.DeleteAsync(path, Token),
                admin.DeleteAsync(path, Token),
                owner.PatchAsJsonAsync(path, new { fullName = "Jane Doe" }, Token),
                owner.PutAsJsonAsync(path + "/email", new { email = $"new.{Guid.NewGuid():n}@example.com" }, Token),
                admin.PostAsJsonAsync(path + "/deactivate", new { reason = "asked for it" }, Token));

            answers.ShouldAllBe(a => (int)a.StatusCode < 500);
            // Whoever was too slow is told so, and asks again.
            (await admin.DeleteAsync(path, Token)).StatusCode.ShouldBeOneOf(HttpStatusCode.NoContent, HttpStatusCode.NotFound);
        }
    }

    [Fact]
    public async Task Changes_its_name_and_address_with_a_version_and_a_history()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        var email = $"new.{Guid.NewGuid():n}@example.com";

        using var renamed = await client.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "Jane Doe" }, Token);
        renamed.StatusCode.ShouldBe(HttpStatusCode.OK);
        renamed.Headers.ETag!.Tag.ShouldBe("\"2\"");
        (await renamed.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("fullName").GetString().ShouldBe("Jane Doe");

        using var moved = await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email }, Token);
        moved.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await moved.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("email").GetString().ShouldBe(email);
        (await service.SignInAsync(email, account.Password)).Status.ShouldBe(200);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);

        using var admin = service.Operator();
        var events = (await admin.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/events", Token)).GetProperty("items").EnumerateArray().ToList();
        events.Select(e => e.GetProperty("eventType").GetString()).ShouldBe(["user-registered", "profile-updated", "email-changed"]);
        events.Select(e => e.GetProperty("version").GetInt64()).ShouldBe([1, 2, 3]);
        var change = events[1].GetProperty("payload").GetProperty("changes")[0];
        change.GetProperty("field").GetString().ShouldBe("fullName");
        change.GetProperty("oldValue").GetString().ShouldBe("Jane Miller");
        change.GetProperty("newValue").GetString().ShouldBe("Jane Doe");
        events[2].GetProperty("payload").GetProperty("oldEmail").GetString().ShouldBe(account.Email);
        events[2].GetProperty("payload").GetProperty("newEmail").GetString().ShouldBe(email);
        events[1].GetProperty("metadata").GetProperty("userId").GetString().ShouldBe(account.Id.ToString());
        events[1].GetProperty("metadata").GetProperty("correlationId").GetString().ShouldBe(renamed.Headers.GetValues("X-Correlation-Id").Single());
    }

    [Fact]
    public async Task Is_not_changed_by_whoever_has_an_old_version()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        client.DefaultRequestHeaders.Add("If-Match", "\"1\"");
        (await client.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "First" }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "Second" }, Token)).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
        (await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "other@example.com" }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.PreconditionFailed);
        (await client.DeleteAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
    }

    [Fact]
    public async Task Written_by_many_at_once_loses_no_write()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i =>
            client.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = $"Name {i}" }, Token)));

        answers.ShouldAllBe(a => a.StatusCode == HttpStatusCode.OK || a.StatusCode == HttpStatusCode.Conflict);
        var accepted = answers.Count(a => a.StatusCode == HttpStatusCode.OK);
        var user = await client.GetFromJsonAsync<JsonElement>("/v1/users/me", Token);
        user.GetProperty("version").GetInt64().ShouldBe(1 + accepted);
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM user_events WHERE user_id = '{account.Id}'")).ShouldBe(1 + accepted);
    }

    [Fact]
    public async Task Cannot_take_somebody_elses_address()
    {
        var other = await service.RegisterAsync();
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);

        (await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = other.Email.ToUpperInvariant() }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.Conflict);
        (await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = account.Email }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("a wrong password", "another good one", "currentPassword")]
    [InlineData(null, "another good one", "currentPassword")]
    [InlineData("correct horse battery", "short", "newPassword")]
    [InlineData("correct horse battery", "password123", "newPassword")]
    public async Task Gets_a_new_password_only_from_who_knows_the_old_one(string? current, string @new, string field)
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        using var answer = await client.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { currentPassword = current, newPassword = @new }, Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe([field]);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task That_is_deactivated_is_closed_until_it_is_reactivated()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        using var admin = service.Operator();

        using var deactivated = await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "chargeback" }, Token);
        deactivated.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await deactivated.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("status").GetString().ShouldBe("deactivated");
        (await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "again" }, Token)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await admin.PatchAsJsonAsync($"/v1/users/{account.Id}", new { fullName = "New" }, Token)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);

        using var reactivated = await admin.PostAsync($"/v1/users/{account.Id}/reactivate", null, Token);
        reactivated.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await admin.PostAsync($"/v1/users/{account.Id}/reactivate", null, Token)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Needs_a_reason_to_be_deactivated()
    {
        var account = await service.RegisterAsync();
        using var admin = service.Operator();
        (await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = " " }, Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await admin.PostAsync($"/v1/users/{account.Id}/deactivate", null, Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_in_the_list_as_it_is_now()
    {
        var name = $"Zora {Guid.NewGuid():n}";
        var account = await service.RegisterAsync(name);
        using var admin = service.Operator();

        (await SearchAsync(admin, name.ToUpperInvariant())).Single().GetProperty("id").GetGuid().ShouldBe(account.Id);
        (await SearchAsync(admin, account.Email)).Single().GetProperty("id").GetGuid().ShouldBe(account.Id);
        (await SearchAsync(admin, "100%_no")).ShouldBeEmpty();
        (await SearchAsync(admin, name, "deactivated")).ShouldBeEmpty();

        await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "test" }, Token);
        var seen = (await SearchAsync(admin, name, "deactivated")).Single();
        seen.GetProperty("status").GetString().ShouldBe("deactivated");
        seen.GetProperty("version").GetInt64().ShouldBe(2);
        (await admin.GetAsync("/v1/users?status=sleeping", Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_on_exactly_one_page_of_the_list()
    {
        var tag = $"paged{Guid.NewGuid():n}";
        var ids = new List<Guid>();
        for (var i = 0; i < 7; i++)
        {
            ids.Add((await service.RegisterAsync($"{tag} {i}")).Id);
        }

        using var admin = service.Operator();
        var seen = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await admin.GetFromJsonAsync<JsonElement>($"/v1/users?search={tag}&limit=3{(cursor is null ? "" : $"&cursor={cursor}")}", Token);
            using (var asked = await admin.PostAsJsonAsync("/v1/users/search", new { search = tag, limit = 3, cursor }, Token))
            {
                (await asked.Content.ReadFromJsonAsync<JsonElement>(Token)).ToString().ShouldBe(page.ToString(), "the same list, with the words in the body.");
            }

            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(u => u.GetProperty("id").GetGuid()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        seen.ShouldBe(ids.AsEnumerable().Reverse());
    }

    [Fact]
    public async Task Counts_in_the_statistics_from_registration_on_even_when_erased()
    {
        await using var own = new UsersFixture();
        await own.InitializeAsync();
        var first = await own.RegisterAsync();
        await own.RegisterAsync();
        using var admin = own.Operator();
        await admin.DeleteAsync($"/v1/users/{first.Id}", Token);

        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var statistics = await admin.GetFromJsonAsync<JsonElement>(
            $"/v1/statistics/registrations?from={today.AddDays(-1):yyyy-MM-dd}&to={today:yyyy-MM-dd}", Token);
        statistics.GetProperty("total").GetInt32().ShouldBe(3);
        statistics.GetProperty("bySource").GetProperty("direct").GetInt32().ShouldBe(2);
        statistics.GetProperty("bySource").GetProperty("configuration").GetInt32().ShouldBe(1);
        statistics.GetProperty("days").EnumerateArray().Sum(d => d.GetProperty("registrations").GetInt32()).ShouldBe(3);

        (await admin.GetFromJsonAsync<JsonElement>($"/v1/statistics/registrations?to={today.AddDays(-1):yyyy-MM-dd}", Token))
            .GetProperty("total")
            .GetInt32()
            .ShouldBe(0);
        (await admin.GetAsync("/v1/statistics/registrations?from=yesterday", Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await admin.GetAsync("/v1/statistics/registrations?from=2026-02-02&to=2026-02-01", Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Of_one_tenant_is_not_there_for_another()
    {
        var account = await service.RegisterAsync("Tenant Person", tenant: "north");
        using var north = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: "north");
        using var south = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: "south");
        using var none = service.Operator();
        using var own = await service.SignedInAsync(account);

        (await north.GetAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await own.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await SearchAsync(north, account.Email)).Count.ShouldBe(1);
        (await SearchAsync(none, account.Email)).Count.ShouldBe(1);
        (await SearchAsync(south, account.Email)).ShouldBeEmpty();
        (await south.GetFromJsonAsync<JsonElement>("/v1/statistics/registrations", Token)).GetProperty("total").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Is_kept_from_other_tenants_on_every_route_and_whatever_happens_to_it_is_told_as_its_tenants()
    {
        var north = $"north-{Guid.CreateVersion7()}";
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        using var client = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: north);
        var (email, source) = ($"{Guid.NewGuid():n}@example.com", $"s{Guid.NewGuid():n}");
        using var registered = await client.PostAsJsonAsync(
            "/v1/users", new { email, password = "correct horse battery", fullName = "North Person", source }, Token);
        var id = (await registered.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("id").GetString()!;
        await service.SignInAsync(email, "correct horse battery");
        var session = (await service.Database.ScalarAsync<Guid>($"SELECT id FROM oauth_authorizations WHERE subject = '{id}'")).ToString();
        await service.Database.ExecuteAsync($"UPDATE users SET second_factor_since = now() WHERE id = '{id}'");
        var account = new Dictionary<string, string> { ["id"] = id, ["sessionId"] = session };

        await new TenantWalk<Program>(service, north)
            .Without("the caller's own", "GET /v1/users/me")
            .Without(
                "the owner's alone", "PUT /v1/users/{id}/password", "POST /v1/users/{id}/second-factor", "POST /v1/users/{id}/second-factor/confirm",
                "POST /v1/users/{id}/second-factor/recovery-codes", "POST /v1/users/{id}/second-factor/remove")
            .Without("the same for all", "GET /v1/roles")
            .Without("the list below, asked for in the body, and changes nothing", "POST /v1/users/search")
            .Of("GET /v1/users/{id}/second-factor", "isOn", account)
            .Of("GET /v1/users", id, query: $"?search={email}")
            .Of("GET /v1/users/{id}", id, account)
            .Of("GET /v1/users/{id}/events", "North Person", account)
            .Of("GET /v1/users/{id}/sessions", session, account)
            .Of("DELETE /v1/users/{id}/sessions/{sessionId}", "", account)
            .Of("GET /v1/statistics/registrations", source)
            .Of("PATCH /v1/users/{id}", "", account, new { fullName = "Changed" })
            .Of("PUT /v1/users/{id}/email", "", account, new { email = $"{Guid.NewGuid():n}@example.com" })
            .Of("PUT /v1/users/{id}/role", "", account, new { role = "auditor", reason = "walk" })
            .Of("DELETE /v1/users/{id}/second-factor", "", account)
            .Of("POST /v1/users/{id}/password-reset", "", account)
            .Of("POST /v1/users/{id}/email-verification", "", account)
            .Of("POST /v1/users/{id}/deactivate", "", account, new { reason = "test" })
            .Of("POST /v1/users/{id}/reactivate", "", account)
            .Of("DELETE /v1/users/{id}", "", account)
            .VerifyAsync();

        // All but the registration was done by an operator without a tenant.
        await tap.NextAsync("shop.user.erased.v1", id);
        await Poll.UntilAsync(
            () => tap.Seen.Count(e => e.Subject == id && e.Type == "shop.user.sessions-ended.v1") == 5, "the ends of its sessions to be told");
        tap.Seen.Where(e => e.Subject == id).Select(e => (e.Type, e.Headers.GetValueOrDefault(CloudEventHeaders.TenantId))).ShouldBe(
            new[]
            {
                "registered",
                "session-ended",
                "profile-updated",
                "email-changed",
                "sessions-ended",
                "sessions-ended",
                "sessions-ended",
                "deactivated",
                "sessions-ended",
                "reactivated",
                "erased",
                "sessions-ended",
            }.Select(
                what => ($"shop.user.{what}.v1", (string?)north)),
            ignoreOrder: true);
    }

    [Fact]
    public Task Lies_in_tables_that_say_whose_they_are() => service.Database.VerifyTenantsAsync(new Dictionary<string, string>
    {
        ["user_keys"] = "the user's",
        ["refresh_tokens"] = "of the version before, and found by their hash only",
        ["oauth_applications"] = "the installation's",
        ["oauth_authorizations"] = "the user's",
        ["oauth_scopes"] = "the installation's",
        ["oauth_tokens"] = "the user's, and found by their hash only",
        ["account_tickets"] = "the user's, and found by their hash only",
        ["second_factors"] = "the user's, and found by the account only",
        ["recovery_codes"] = "the user's, and found by the account only",
        ["first_operator"] = "the installation's",
        ["sign_in_networks"] = "under keyed hashes, before it is known who it is",
        ["sign_in_failures"] = "under keyed hashes, before it is known who it is",
        ["signing_keys"] = "the installation's",
    });

    private static async Task<List<JsonElement>> SearchAsync(HttpClient client, string text, string? status = null) =>
        [.. (await client.GetFromJsonAsync<JsonElement>($"/v1/users?search={Uri.EscapeDataString(text)}{(status is null ? "" : $"&status={status}")}", Token))
            .GetProperty("items").EnumerateArray()];
}

public sealed class Who_may_do_what(UsersFixture service)
{
    [Fact]
    public async Task Shows_pages_that_work_under_their_own_headers()
    {
        using var client = service.Operator();
        (await ServedPages.VerifyAsync(service.Services, client)).ShouldBe(
            [
                "/docs",
                "/asyncapi",
                "/account/forgotten-password",
                "/account/reset-password",
                "/account/verify-email",
                "/account/confirm-email",
                "/account/undo-email-change",
            ],
            ignoreOrder: true);
    }

    [Fact]
    public Task Is_as_the_matrix_says() => Matrix().VerifyAsync();

    [Fact]
    public Task Ends_where_the_bounds_that_are_described_do() => Matrix().VerifyBoundsAsync();

    private AuthorizationMatrix<Program> Matrix()
    {
        async Task<MatrixRequest> Account(object? body = null)
        {
            var account = await service.RegisterAsync();
            return new MatrixRequest(account.Id, new Dictionary<string, string> { ["id"] = account.Id.ToString() }, body);
        }

        async Task<MatrixRequest> Deactivated()
        {
            var request = await Account();
            using var admin = service.Operator();
            await admin.PostAsJsonAsync($"/v1/users/{request.OwnerId}/deactivate", new { reason = "matrix" });
            return request;
        }

        async Task<MatrixRequest> Session()
        {
            var account = await service.RegisterAsync();
            await service.SignInAsync(account.Email, account.Password);
            var session = await service.Database.ScalarAsync<Guid>($"SELECT id FROM oauth_authorizations WHERE subject = '{account.Id}'");
            return new MatrixRequest(account.Id, new Dictionary<string, string> { ["id"] = account.Id.ToString(), ["sessionId"] = session.ToString() });
        }

        static MatrixRequest Email(MatrixRequest request) => request with { Body = new { email = $"matrix.{Guid.NewGuid():n}@example.com" } };

        return new AuthorizationMatrix<Program>(service)
            .Row("POST /v1/users", new MatrixRow(201, 201, 201, 201, 201), () => Task.FromResult(new MatrixRequest(
                Guid.CreateVersion7(),
                Body: new { email = $"matrix.{Guid.NewGuid():n}@example.com", password = "correct horse battery", fullName = "Matrix" })))
            .Row("GET /v1/users/me", new MatrixRow(401, 200, 404, 404, 404), () => Account())
            .Row("GET /v1/users/{id}", new MatrixRow(401, 200, 404, 200, 404), () => Account())
            .Row("PATCH /v1/users/{id}", new MatrixRow(401, 200, 404, 200, 404), () => Account(new { fullName = "Changed" }))
            .Row("PUT /v1/users/{id}/email", new MatrixRow(401, 200, 404, 200, 404), async () => Email(await Account()))
            .Row(
                "PUT /v1/users/{id}/password",
                new MatrixRow(401, 204, 404, 403, 404),
                () => Account(new { currentPassword = "correct horse battery", newPassword = "another good one" }))
            .Row("POST /v1/users/{id}/password-reset", new MatrixRow(401, 403, 403, 202, 404), () => Account())
            .Row(
                "POST /v1/password-resets",
                new MatrixRow(202, 202, 202, 202, 202),
                () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: new { email = "nobody@example.com" })))
            .Row("POST /v1/password-resets/complete", new MatrixRow(400, 400, 400, 400, 400), () => Task.FromResult(new MatrixRequest(
                Guid.CreateVersion7(), Body: new { ticket = "none", newPassword = "another good one" })))
            .Row("POST /v1/users/{id}/email-verification", new MatrixRow(401, 202, 404, 202, 404), () => Account())
            .Row(
                "POST /v1/email-verifications/complete",
                new MatrixRow(400, 400, 400, 400, 400),
                () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: new { ticket = "none" })))
            .Row(
                "POST /v1/email-changes/confirm",
                new MatrixRow(400, 400, 400, 400, 400),
                () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: new { ticket = "none" })))
            .Row("POST /v1/email-changes/undo", new MatrixRow(400, 400, 400, 400, 400), () => Task.FromResult(new MatrixRequest(
                Guid.CreateVersion7(), Body: new { ticket = "none", newPassword = "another good one" })))
            .Row("GET /account/verify-email", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /account/verify-email", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /account/confirm-email", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /account/confirm-email", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /account/undo-email-change", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /account/undo-email-change", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /account/forgotten-password", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /account/forgotten-password", new MatrixRow(200, 200, 200, 200, 200))
            .Row("GET /account/reset-password", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /account/reset-password", new MatrixRow(400, 400, 400, 400, 400))
            .Row("POST /v1/users/{id}/deactivate", new MatrixRow(401, 403, 403, 200, 404) { OperatorItself = 403 }, () => Account(new { reason = "matrix" }))
            .Row("POST /v1/users/{id}/reactivate", new MatrixRow(401, 401, 403, 200, 404) { OperatorItself = 401 }, Deactivated)
            .Row("GET /v1/roles", new MatrixRow(401, 403, 403, 200, 200))
            .Row(
                "PUT /v1/users/{id}/role",
                new MatrixRow(401, 403, 403, 200, 404) { OperatorItself = 403 },
                () => Account(new { role = "customer", reason = "matrix" }))
            .Row("GET /v1/users/{id}/second-factor", new MatrixRow(401, 200, 404, 200, 404), () => Account())
            .Row("POST /v1/users/{id}/second-factor", new MatrixRow(401, 200, 404, 404, 404), () => Account(new { }))
            .Row("POST /v1/users/{id}/second-factor/confirm", new MatrixRow(401, 400, 404, 404, 404), () => Account(new { setup = "none", code = "123456" }))
            .Row("POST /v1/users/{id}/second-factor/recovery-codes", new MatrixRow(401, 409, 404, 404, 404), () => Account(new { code = "123456" }))
            .Row("POST /v1/users/{id}/second-factor/remove", new MatrixRow(401, 409, 404, 404, 404), () => Account(new { code = "123456" }))
            .Row("DELETE /v1/users/{id}/second-factor", new MatrixRow(401, 403, 403, 409, 404) { OperatorItself = 403 }, () => Account())
            .Row("DELETE /v1/users/{id}", new MatrixRow(401, 204, 404, 204, 404), () => Account())
            .Row("GET /v1/users/{id}/events", new MatrixRow(401, 403, 403, 200, 404), () => Account())
            .Row("GET /v1/users", new MatrixRow(401, 403, 403, 200, 200))
            .Row(
                "POST /v1/users/search",
                new MatrixRow(401, 403, 403, 200, 200),
                () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: new { search = "nobody" })))
            .Row("GET /v1/statistics/registrations", new MatrixRow(401, 403, 403, 200, 200))
            .Row("GET /v1/ops/erasures", new MatrixRow(401, 403, 403, 200, 403))
            .Row("POST /v1/ops/erasures/repeat", new MatrixRow(401, 403, 403, 200, 403), () => Task.FromResult(new MatrixRequest(
                Guid.CreateVersion7(), Body: new { userIds = new[] { Guid.CreateVersion7() }, reason = "matrix" })))
            .Row("POST /v1/ops/signing-keys/rotate", new MatrixRow(401, 403, 403, 200, 403))
            .Row("POST /v1/ops/signing-keys/{keyId}/withdraw", new MatrixRow(401, 403, 403, 404, 403), () => Task.FromResult(new MatrixRequest(
                Guid.CreateVersion7(), new Dictionary<string, string> { ["keyId"] = "unknown" })))
            .Row("POST /connect/token", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /connect/authorize", new MatrixRow(400, 400, 400, 400, 400))
            .Row("POST /connect/authorize", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /connect/logout", new MatrixRow(200, 200, 200, 200, 200))
            .Row("POST /connect/logout", new MatrixRow(400, 400, 400, 400, 400))
            .Row("GET /v1/users/{id}/sessions", new MatrixRow(401, 200, 404, 200, 404), () => Account())
            .Row("DELETE /v1/users/{id}/sessions/{sessionId}", new MatrixRow(401, 204, 404, 204, 404), Session)
            .ChassisRows();
    }
}
