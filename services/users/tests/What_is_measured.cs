using System.Net.Http.Json;
using Chassis.Testing;

namespace Users.Tests;

/// <summary>What metrics say of people, while nobody else comes.</summary>
public sealed class What_is_measured(What_is_measured.Alone service) : IClassFixture<What_is_measured.Alone>
{
    [Fact]
    public async Task Is_who_is_new_and_how_sign_ins_ended()
    {
        using var heard = new Measurements();
        var account = await service.RegisterAsync();
        await service.RegisterAsync(tenant: "north");
        using (var anonymous = service.Anonymous())
        {
            using var again = await anonymous.PostAsJsonAsync("/v1/users", new { email = account.Email, password = account.Password, fullName = "Again" });
            ((int)again.StatusCode).ShouldBe(409);
        }

        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);
        (await service.SignInAsync("nobody@example.com", account.Password)).Status.ShouldBe(400);
        for (var i = 0; i < 10; i++)
        {
            await service.SignInAsync(account.Email, "a wrong password");
        }

        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(429);

        Counted(heard, "shop.users.created").ShouldBe([("tenant=", 1), ("tenant=north", 1)], ignoreOrder: true);
        Counted(heard, "shop.sign_ins").ShouldBe([("outcome=succeeded", 1), ("outcome=refused", 11), ("outcome=throttled", 1)], ignoreOrder: true);
    }

    [Fact]
    public async Task Starts_at_zero_for_every_label_that_is_known()
    {
        using var heard = new Measurements();
        await using var replica = await service.StartReplicaAsync();
        heard.Counted(replica.Services, "shop.users.created").ShouldContainKeyAndValue("tenant=", 0);
        heard.Counted(replica.Services, "shop.sign_ins").Keys.Order().ShouldBe(
            ["outcome=incomplete", "outcome=refused", "outcome=succeeded", "outcome=throttled"]);
    }

    private List<(string Labels, double Count)> Counted(Measurements heard, string counter) =>
        [.. heard.Counted(service.Services, counter).Where(c => c.Value > 0).Select(c => (c.Key, c.Value))];

    public sealed class Alone : UsersFixture;
}
