using System.Net.Http.Json;
using Chassis.Testing;
using Guestbook.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Shop.Testing;

namespace Guestbook.Tests;

/// <summary>What every service promises.</summary>
public sealed class ServiceTests(GuestbookFixture guestbook)
{
    private AuthorizationMatrix<Program> Matrix =>
        new AuthorizationMatrix<Program>(guestbook)
            .Row("GET /v1/guestbook/notes", new MatrixRow(401, 200, 200, 200, 200))
            .Row(
                "POST /v1/guestbook/notes",
                new MatrixRow(401, 201, 201, 201, 201),
                () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: new { text = "matrix" })))
            .ChassisRows();

    [Fact]
    public Task Every_route_lets_in_whom_it_should() => Matrix.VerifyAsync();

    [Fact]
    public Task What_is_beyond_the_bounds_that_are_described_is_refused() => Matrix.VerifyBoundsAsync();

    [Fact]
    public async Task A_token_ends_with_its_session()
    {
        await using var own = new GuestbookFixture();
        await own.InitializeAsync();
        await new EndedSessionsCheck<Program>(own, "/v1/guestbook/notes").VerifyAsync();
    }

    [Fact]
    public async Task No_endpoint_believes_what_its_sender_may_not_say() => (await ForgedMessages.MustBeRefusedAsync(guestbook)).ShouldNotBeEmpty();

    [Fact]
    public async Task Shows_pages_that_work_under_their_own_headers()
    {
        using var client = guestbook.Operator();
        (await ServedPages.VerifyAsync(guestbook.Services, client)).ShouldBe(["/docs", "/asyncapi"], ignoreOrder: true);
    }

    [Fact]
    public async Task Keeps_tenants_apart()
    {
        var (north, person) = ($"north-{Guid.CreateVersion7()}", Guid.CreateVersion7());
        using var client = guestbook.ClientFor(person, tenant: north);
        (await client.PostAsJsonAsync("/v1/guestbook/notes", new { text = "From the north." })).EnsureSuccessStatusCode();

        using var own = guestbook.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: north);
        using var other = guestbook.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: $"not-{north}");
        (await own.GetStringAsync("/v1/guestbook/notes")).ShouldContain("From the north.");
        (await other.GetStringAsync("/v1/guestbook/notes")).ShouldNotContain("From the north.");
    }

    [Fact]
    public Task Every_table_says_whose_it_is() => guestbook.Database.VerifyTenantsAsync(new Dictionary<string, string>
    {
        ["erased_users"] = "ids of erased people, asked for by id only",
    });

    [Fact]
    public async Task The_model_and_the_migrated_database_agree()
    {
        await using var scope = guestbook.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<GuestbookDbContext>().VerifySchemaAsync(guestbook.Database.Migrations);
    }

    [Fact]
    public void Refuses_settings_with_whatever_wrong_in_them() => SettingsWalk.Verify(guestbook.Services).ShouldBeGreaterThan(10);
}
