using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Notifications.Mails;
using Notifications.Persistence;
using Npgsql;

namespace Notifications.Tests.Mails;

/// <summary>Whose mail is next.</summary>
public sealed class MailQueueTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        await using var db = new NotificationsDbContext(new DbContextOptionsBuilder<NotificationsDbContext>().UseNpgsql(_database.Migrations).Options);
        await db.Database.MigrateAsync(Token);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task A_tenant_with_a_thousand_mails_holds_up_nobodys()
    {
        await WaitingAsync("hot", 1_000, minutesAgo: 60);
        await WaitingAsync("warm", 3, minutesAgo: 10);
        await WaitingAsync(null, 2, minutesAgo: 5);
        await WaitingAsync("later", 5, minutesAgo: -5);
        await using var database = NpgsqlDataSource.Create(_database.Migrations);
        var queue = new MailQueue(database, Options.Create(new MailOptions()), TimeProvider.System);

        (await NextAsync()).ShouldBe([("hot", 2), ("nobody", 2), ("warm", 2)]);
        (await NextAsync()).ShouldBe([("hot", 5), ("warm", 1)]);
        (await NextAsync()).ShouldBe([("hot", 6)]);

        async Task<IEnumerable<(string, int)>> NextAsync() =>
            (await queue.ClaimAsync(6, Token)).CountBy(mail => mail.Recipient!).Select(t => (t.Key, t.Value)).Order();
    }

    [Fact]
    public async Task Whoever_asks_while_another_has_asked_gets_the_next_ones()
    {
        await WaitingAsync("hot", 20, minutesAgo: 60);
        await using var database = NpgsqlDataSource.Create(_database.Migrations);
        var replicas = Enumerable.Range(0, 4).Select(_ => new MailQueue(database, Options.Create(new MailOptions()), TimeProvider.System));

        var claimed = await Task.WhenAll(replicas.Select(queue => queue.ClaimAsync(5, Token)));

        claimed.SelectMany(c => c).Select(mail => mail.Id).ShouldBeUnique();
        // One that looked while all was locked may have got fewer: the rest is there for its next look.
        var rest = await new MailQueue(database, Options.Create(new MailOptions()), TimeProvider.System).ClaimAsync(20, Token);
        (claimed.Sum(c => c.Count) + rest.Count).ShouldBe(20);
    }

    private Task WaitingAsync(string? tenant, int count, int minutesAgo) => _database.ExecuteAsync(
        $"""
        INSERT INTO mails (id, cause, event_id, event_type, template, audience, tenant_id, recipient, data, due_at, created_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'e', 't', 'welcome', 'customer', {(tenant is null ? "NULL" : $"'{tenant}'")}, '{tenant ?? "nobody"}', jsonb_build_object(),
            now() - {minutesAgo} * interval '1 minute' + n * interval '1 ms', now()
        FROM generate_series(1, {count}) AS n
        """);
}
