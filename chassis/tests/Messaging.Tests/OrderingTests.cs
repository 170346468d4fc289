using Chassis.Testing;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;

namespace Messaging.Tests;

/// <summary>Messages about one thing leave in the order in which its changes were committed, as long as nothing fails.</summary>
public sealed class OrderingTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_of_one_subject_arrive_in_the_order_of_their_commits_even_when_commits_follow_each_other_at_once()
    {
        // A lease that no busy machine outlasts: a row that the sweep takes over is sent again, out of order, and that is no undisturbed case.
        var host = await fixture.StartAsync(settings: new Dictionary<string, string?> { ["Messaging:Lease"] = "00:02:00" });
        var outsider = await fixture.ListenAsync("shop.events", "shop.order.#");
        Guid[] subjects = [.. Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7())];
        foreach (var subject in subjects)
        {
            await fixture.Database.ExecuteAsync($"INSERT INTO journeys (correlation_id, current_state, reference, steps) VALUES ('{subject}', '', '', 0)");
        }

        // Every writer waits for the row's lock, so that the next transaction runs on as soon as the one before is committed in the database.
        await Task.WhenAll(subjects.SelectMany(subject => Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 15; i++)
            {
                await host.InScope(async (scope, database) =>
                {
                    await using var transaction = await database.Database.BeginTransactionAsync(Token);
                    var version = (await database.Database
                        .SqlQuery<int>($"UPDATE journeys SET steps = steps + 1 WHERE correlation_id = {subject} RETURNING steps AS \"Value\"")
                        .ToListAsync(Token))
                        .Single();
                    await scope.PublishCancelled(subject, version);
                    await transaction.CommitAsync(Token);
                });
            }
        }))));

        await Poll.UntilAsync(() => outsider.Count >= 600, "all events", TimeSpan.FromSeconds(60));
        foreach (var subject in subjects)
        {
            outsider.Where(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString())
                .Select(m => int.Parse(m.BasicProperties.HeaderText(CloudEventHeaders.Sequence)!, System.Globalization.CultureInfo.InvariantCulture))
                .ShouldBe(Enumerable.Range(1, 60));
        }
    }
}
