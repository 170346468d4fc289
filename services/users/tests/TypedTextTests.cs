using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Chassis.Testing;
using Npgsql;

namespace Users.Tests;

/// <summary>What a person types is the same on every keyboard.</summary>
public sealed class Typed_text(UsersFixture service)
{
    private static readonly NormalizationForm[] Forms = [NormalizationForm.FormC, NormalizationForm.FormD, NormalizationForm.FormKC, NormalizationForm.FormKD];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_password_and_an_address_sign_in_in_all_four_forms()
    {
        var (email, password) = ($"us\u00e9r.{Guid.NewGuid():n}@example.com", "Stra\u00dfe \u1e9b\u0323 \ufb01x\u00e9");
        (await RegisterAsync(email.Normalize(NormalizationForm.FormD), password.Normalize(NormalizationForm.FormD))).ShouldBe(HttpStatusCode.Created);
        foreach (var form in Forms)
        {
            (await service.SignInAsync(email.Normalize(form), password.Normalize(form))).Status.ShouldBe(200, $"{form}");
        }

        (await RegisterAsync(email, password)).ShouldBe(HttpStatusCode.Conflict, "it is the same address");
    }

    [Theory]
    [InlineData("b\u00fccher.example", "xn--bcher-kva.example")]
    [InlineData("bu\u0308cher.example", "xn--bcher-kva.example")]
    [InlineData("\uff45\uff58ample.com", "example.com")]
    [InlineData("B\u00dcCHER.example", "xn--bcher-kva.example")]
    [InlineData("zero\u200bwidth.example", null)]
    [InlineData("join\u200der.example", null)]
    [InlineData("under_score.example", null)]
    [InlineData("-hyphen.example", null)]
    public async Task A_domain_is_what_the_name_service_knows_or_none(string domain, string? ascii)
    {
        var local = $"ada.{Guid.NewGuid():n}";
        using var anonymous = service.Anonymous();
        using var answer = await anonymous.PostAsJsonAsync(
            "/v1/users", new { email = $"{local}@{domain}", password = "analytical engine", fullName = "Ada" }, Token);
        answer.StatusCode.ShouldBe(ascii is null ? HttpStatusCode.BadRequest : HttpStatusCode.Created);
        if (ascii is not null)
        {
            (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("email").GetString().ShouldBe($"{local}@{ascii}");
        }
    }

    [Fact]
    public async Task A_password_that_was_hashed_as_it_was_typed_goes_on_signing_in()
    {
        const string typed = "cafe\u0301 au lait";
        var account = await service.RegisterAsync();
        var hash = new Microsoft.AspNetCore.Identity.PasswordHasher<object>().HashPassword(this, typed);
        await service.Database.ExecuteAsync($"UPDATE users SET password_hash = '{hash}' WHERE id = '{account.Id}'");

        (await service.SignInAsync(account.Email, "caf\u00e9 au lait")).Status.ShouldBe(400);
        (await service.SignInAsync(account.Email, typed)).Status.ShouldBe(200);
        (await service.SignInAsync(account.Email, "caf\u00e9 au lait")).Status.ShouldBe(200, "it was hashed anew meanwhile");
    }

    [Fact]
    public async Task An_address_that_two_accounts_have_in_two_forms_signs_each_in_as_it_is_typed()
    {
        var (one, other) = (await service.RegisterAsync(), await service.RegisterAsync());
        var address = $"andr\u00e9.{Guid.NewGuid():n}@example.com";
        foreach (var (account, form) in new[] { (one, NormalizationForm.FormC), (other, NormalizationForm.FormD) })
        {
            await service.Database.ExecuteAsync($"UPDATE users SET email = '{address.Normalize(form)}' WHERE id = '{account.Id}'");
        }

        foreach (var (account, form) in new[] { (one, NormalizationForm.FormC), (other, NormalizationForm.FormD) })
        {
            var (status, body) = await service.SignInAsync(address.Normalize(form), account.Password);
            status.ShouldBe(200);
            using var client = service.WithToken(body.GetProperty("access_token").GetString()!);
            (await client.GetFromJsonAsync<JsonElement>("/v1/users/me", Token)).GetProperty("id").GetGuid().ShouldBe(account.Id);
        }
    }

    [Fact]
    public async Task Addresses_of_before_are_brought_into_one_form_and_twins_are_named()
    {
        var (alone, one, other) = (await service.RegisterAsync(), await service.RegisterAsync(), await service.RegisterAsync());
        var (own, shared) = ($"zo\u00eb.{Guid.NewGuid():n}@example.com", $"zo\u00eb.{Guid.NewGuid():n}@example.com");
        foreach (var (account, email) in new[]
        {
            (alone, own.Normalize(NormalizationForm.FormD)), (one, shared), (other, shared.Normalize(NormalizationForm.FormD)),
        })
        {
            await service.Database.ExecuteAsync($"UPDATE users SET email = '{email}' WHERE id = '{account.Id}'");
        }

        var said = new List<string>();
        await using (var connection = new NpgsqlConnection(service.Database.Migrations))
        {
            connection.Notice += (_, e) => said.Add(e.Notice.MessageText);
            await connection.OpenAsync(Token);
            await using var migration = new NpgsqlCommand(
                await File.ReadAllTextAsync(Path.Combine(Repository.Root, "services/users/Users/Migrations/0013_normal_addresses.sql"), Token), connection);
            await migration.ExecuteNonQueryAsync(Token);
        }

        said.ShouldHaveSingleItem().ShouldContain(one.Id.ToString());
        said[0].ShouldContain(other.Id.ToString());
        said[0].ShouldNotContain(alone.Id.ToString());
        (await service.Database.ScalarAsync<string>($"SELECT email FROM users WHERE id = '{alone.Id}'")).ShouldBe(own);
        (await service.Database.ScalarAsync<string>($"SELECT email FROM users WHERE id = '{other.Id}'")).ShouldBe(shared.Normalize(NormalizationForm.FormD));
    }

    private async Task<HttpStatusCode> RegisterAsync(string email, string password)
    {
        using var anonymous = service.Anonymous();
        using var answer = await anonymous.PostAsJsonAsync("/v1/users", new { email, password, fullName = "Us\u00e9r" }, Token);
        return answer.StatusCode;
    }
}
