using Microsoft.EntityFrameworkCore;

namespace Chassis.Data;

/// <summary>Reading what others change meanwhile.</summary>
public static class QueryExtensions
{
    /// <summary>The one that was there a moment ago.</summary>
    /// <exception cref="DbUpdateConcurrencyException">Somebody has removed it since; for a caller that is 409 <c>concurrent_change</c>.</exception>
    public static async Task<T> StillThereAsync<T>(this IQueryable<T> query, CancellationToken ct)
        where T : class =>
        await query.SingleOrDefaultAsync(ct) ?? throw new DbUpdateConcurrencyException("What was there a moment ago was removed at the same time.");
}
