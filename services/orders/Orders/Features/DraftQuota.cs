using Chassis;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orders.Persistence;

namespace Orders.Features;

/// <summary>How many drafts a customer may have: a draft costs nothing, is never placed by itself, and would be there for ever.</summary>
internal sealed class DraftQuota(OrdersDbContext db, IOptions<OrdersOptions> options)
{
    private static readonly TimeSpan Later = TimeSpan.FromMinutes(1);

    /// <summary>Lets the customer make one more, in the transaction that makes it: two requests at once are counted one after the other.</summary>
    /// <exception cref="ProblemException">429.</exception>
    public async Task CheckAsync(Guid userId, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({$"drafts:{userId}"}, 0))", ct);
        var drafts = await db.Database.SqlQuery<long>($"SELECT count(*) AS \"Value\" FROM orders WHERE user_id = {userId} AND status = 'draft'").SingleAsync(
            ct);
        if (drafts >= options.Value.MaxDrafts)
        {
            throw ProblemException.TooMany("too_many_drafts", $"There are {drafts} drafts already. Place or cancel one of them first.", Later);
        }
    }
}
