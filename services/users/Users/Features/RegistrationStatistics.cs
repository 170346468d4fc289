using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="From">First moment counted.</param>
/// <param name="To">First moment not counted any more.</param>
/// <param name="Total">Registrations in between, those of accounts erased since included.</param>
/// <param name="Days">By day (UTC), days without a registration left out.</param>
/// <param name="BySource">By the source that was given at registration.</param>
internal sealed record RegistrationStatisticsView(
    DateTimeOffset From, DateTimeOffset To, int Total, IReadOnlyList<RegistrationDay> Days, IReadOnlyDictionary<string, int> BySource);

internal sealed record RegistrationDay(DateOnly Date, int Registrations);

/// <summary>Counted from the history, which has what the accounts no longer say.</summary>
internal static class RegistrationStatistics
{
    private static readonly TimeSpan DefaultSpan = TimeSpan.FromDays(30);
    private static readonly TimeSpan LongestSpan = TimeSpan.FromDays(3660);

    public static RouteHandlerBuilder Map(RouteGroupBuilder v1) => v1.MapGet("/statistics/registrations", Get).RequireOperator(Permissions.ReadReports)
        .WithName("RegistrationStatistics").WithSummary("Registrations by day and source; from and to are dates or times, default: the last 30 days.");

    private static async Task<Ok<RegistrationStatisticsView>> Get(
        [MaxLength(40)] string? from, [MaxLength(40)] string? to, UsersDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var validator = new Validator();
        var end = Read(validator, "to", to, endOfDay: true) ?? clock.GetUtcNow();
        var start = Read(validator, "from", from, endOfDay: false) ?? end - DefaultSpan;
        validator.Check(start < end, "from", "must be before to.").Check(end - start <= LongestSpan, "from", "is too far before to.").ThrowIfInvalid();

        var name = UserHistory.NameOf<UserRegistered>();
        var tenant = OperationContext.Current.TenantId;
        var rows = await db.Database.SqlQuery<Row>(
            $"""
            SELECT (occurred_at AT TIME ZONE 'UTC')::date AS "Day", payload ->> 'source' AS "Source", count(*)::int AS "Registrations"
            FROM user_events
            WHERE event_type = {name} AND occurred_at >= {start} AND occurred_at < {end} AND ({tenant}::text IS NULL OR tenant_id = {tenant})
            GROUP BY 1, 2
            """).ToListAsync(ct);

        return TypedResults.Ok(new RegistrationStatisticsView(
            start,
            end,
            rows.Sum(r => r.Registrations),
            [.. rows.GroupBy(r => r.Day).OrderBy(g => g.Key).Select(g => new RegistrationDay(g.Key, g.Sum(r => r.Registrations)))],
            rows.GroupBy(r => r.Source).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(r => r.Registrations))));
    }

    /// <summary>A date counts whole: as <c>to</c> it includes the day.</summary>
    private static DateTimeOffset? Read(Validator validator, string field, string? text, bool endOfDay)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && date < DateOnly.MaxValue)
        {
            return new DateTimeOffset(date.AddDays(endOfDay ? 1 : 0), TimeOnly.MinValue, TimeSpan.Zero);
        }

        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
        {
            return time;
        }

        validator.Add(field, "is not a date or time.");
        return null;
    }

    private sealed record Row(DateOnly Day, string Source, int Registrations);
}
