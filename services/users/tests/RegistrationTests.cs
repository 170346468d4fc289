using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Users.Tests;

public sealed class Registration(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Taken for somebody who registers themselves, the operator would get a customer who belongs to no tenant.</summary>
    [Fact]
    public async Task By_an_operator_whose_token_does_not_hold_is_refused_and_leaves_nobody_behind()
    {
        var email = $"ada.{Guid.NewGuid():n}@example.com";
        using var @operator = service.WithToken(service.TokenFor(Guid.CreateVersion7(), @operator: true, tenant: "north")[..^8]);
        using var refused = await @operator.PostAsJsonAsync("/v1/users", new { email, password = "analytical engine", fullName = "Ada Lovelace" }, Token);

        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM users WHERE email = '{email}'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_customer_registers_signs_in_and_sees_the_account()
    {
        using var anonymous = service.Anonymous();
        var email = $"Ada.{Guid.NewGuid():n}@Example.COM";
        using var created = await anonymous.PostAsJsonAsync(
            "/v1/users", new { email = $"  {email} ", password = "analytical engine", fullName = " Ada Lovelace ", source = "web" }, Token);

        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        var user = await created.Content.ReadFromJsonAsync<JsonElement>(Token);
        var id = user.GetProperty("id").GetGuid();
        id.Version.ShouldBe(7);
        created.Headers.Location!.ToString().ShouldBe($"/v1/users/{id}");
        created.Headers.ETag!.Tag.ShouldBe("\"1\"");
        user.GetProperty("email").GetString().ShouldBe(email.ToLowerInvariant());
        user.GetProperty("fullName").GetString().ShouldBe("Ada Lovelace");
        user.GetProperty("status").GetString().ShouldBe("active");
        user.GetProperty("source").GetString().ShouldBe("web");
        user.GetProperty("version").GetInt64().ShouldBe(1);
        user.GetProperty("registeredAt").GetString()!.ShouldEndWith("Z");
        user.GetProperty("emailVerified").GetBoolean().ShouldBeFalse();
        user.GetProperty("role").GetString().ShouldBe("customer");
        user.EnumerateObject().Count().ShouldBe(9);

        using var client = await service.SignedInAsync(new Account(id, email, "analytical engine", "Ada Lovelace"));
        foreach (var path in (string[])["/v1/users/me", $"/v1/users/{id}"])
        {
            var seen = await client.GetFromJsonAsync<JsonElement>(path, Token);
            seen.GetRawText().ShouldBe(user.GetRawText());
        }
    }

    [Fact]
    public async Task An_address_can_be_taken_once_in_whatever_spelling()
    {
        var account = await service.RegisterAsync();
        using var anonymous = service.Anonymous();
        using var again = await anonymous.PostAsJsonAsync(
            "/v1/users", new { email = account.Email.ToUpperInvariant(), password = "another password", fullName = "Somebody Else" }, Token);

        again.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        again.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    [Fact]
    public async Task Of_many_who_register_one_address_at_the_same_time_one_wins()
    {
        var email = $"race.{Guid.NewGuid():n}@example.com";
        using var anonymous = service.Anonymous();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => anonymous.PostAsJsonAsync(
            "/v1/users", new { email, password = "correct horse battery", fullName = "Racer" }, Token)));

        answers.Count(a => a.StatusCode == HttpStatusCode.Created).ShouldBe(1);
        answers.Count(a => a.StatusCode == HttpStatusCode.Conflict).ShouldBe(7);
    }

    [Theory]
    [InlineData("jane@example", "correct horse", "Jane", "email")]
    [InlineData("jane", "correct horse", "Jane", "email")]
    [InlineData("@example.com", "correct horse", "Jane", "email")]
    [InlineData("jane@@example.com", "correct horse", "Jane", "email")]
    [InlineData("jane doe@example.com", "correct horse", "Jane", "email")]
    [InlineData("Jane <jane@example.com>", "correct horse", "Jane", "email")]
    [InlineData("jane@-example.com", "correct horse", "Jane", "email")]
    [InlineData("", "correct horse", "Jane", "email")]
    [InlineData("jane@example.com", "short", "Jane", "password")]
    [InlineData("jane@example.com", "", "Jane", "password")]
    [InlineData("jane@example.com", "Password123", "Jane", "password")]
    [InlineData("jane@example.com", "QWERTYUIOP", "Jane", "password")]
    [InlineData("jane@example.com", "liverpool1", "Jane", "password")]
    [InlineData("jane@example.com", "1q2w3e4r5t6y", "Jane", "password")]
    [InlineData("jane@example.com", "P@ssw0rd123", "Jane", "password")]
    [InlineData("jane@example.com", "Passw0rd2024", "Jane", "password")]
    [InlineData("jane@example.com", "Summer2026!", "Jane", "password")]
    [InlineData("jane@example.com", "passwordpassword", "Jane", "password")]
    [InlineData("jane@example.com", "aaaaaaab", "Jane", "password")]
    [InlineData("jane@example.com", "Teahouse2026", "Jane", "password")]
    [InlineData("jane@example.com", "aaaaaaaaaaaa", "Jane", "password")]
    [InlineData("jane@example.com", "abcdefghijkl", "Jane", "password")]
    [InlineData("jane.miller@example.com", "Jane.Miller", "Jane Miller", "password")]
    [InlineData("jane@example.com", "correct horse", "   ", "fullName")]
    [InlineData("jane@example.com", "correct horse", "Jane\u0007Miller", "fullName")]
    public async Task What_is_not_acceptable_is_named(string email, string password, string fullName, string field)
    {
        using var anonymous = service.Anonymous();
        using var answer = await anonymous.PostAsJsonAsync("/v1/users", new { email, password, fullName }, Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe([field]);
        if (password.Length > 0)
        {
            problem.GetRawText().ShouldNotContain(password);
        }
    }

    [Theory]
    [InlineData("role", "operator")]
    [InlineData("status", "active")]
    [InlineData("id", "00000000-0000-0000-0000-000000000001")]
    [InlineData("tenantId", "north")]
    public async Task Nobody_registers_with_more_than_is_asked(string member, string value)
    {
        using var anonymous = service.Anonymous();
        var body = new Dictionary<string, string>
        {
            ["email"] = $"more.{Guid.NewGuid():n}@example.com", ["password"] = "correct horse battery", ["fullName"] = "More", [member] = value,
        };
        using var answer = await anonymous.PostAsJsonAsync("/v1/users", body, Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("a passphrase with spaces and ünïcödé ☃")]
    [InlineData("        8 spaces")]
    [InlineData("nocompositionrules")]
    public async Task Any_character_may_be_in_a_password(string password)
    {
        var email = $"any.{Guid.NewGuid():n}@example.com";
        using var anonymous = service.Anonymous();
        using var answer = await anonymous.PostAsJsonAsync("/v1/users", new { email, password, fullName = "Any" }, Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await service.SignInAsync(email, password)).Status.ShouldBe(200);
        (await service.SignInAsync(email, password + " ")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task The_same_idempotency_key_registers_once_and_answers_the_same()
    {
        using var anonymous = service.Anonymous();
        anonymous.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
        var request = new { email = $"twice.{Guid.NewGuid():n}@example.com", password = "correct horse battery", fullName = "Twice" };
        using var first = await anonymous.PostAsJsonAsync("/v1/users", request, Token);
        using var second = await anonymous.PostAsJsonAsync("/v1/users", request, Token);
        using var other = await anonymous.PostAsJsonAsync("/v1/users", request with { fullName = "Other" }, Token);

        first.StatusCode.ShouldBe(HttpStatusCode.Created);
        second.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await second.Content.ReadAsStringAsync(Token)).ShouldBe(await first.Content.ReadAsStringAsync(Token));
        second.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        second.Headers.Location.ShouldBe(first.Headers.Location);
        second.Headers.ETag.ShouldBe(first.Headers.ETag);
        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task The_operator_of_the_configuration_can_sign_in()
    {
        var (status, body) = await service.SignInAsync(UsersFixture.OperatorEmail, UsersFixture.OperatorPassword);
        status.ShouldBe(200);
        using var client = service.WithToken(body.GetProperty("access_token").GetString()!);
        (await client.GetAsync("/v1/users", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
