using System.Diagnostics;
using Chassis.Data;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging.Operations;

/// <summary>One service at a glance. What could not be found out in time is null, and named.</summary>
/// <param name="Service">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="StartedAt">When this replica began.</param>
/// <param name="Replica">Which one answers.</param>
/// <param name="Checks">The parts of <c>/health/ready</c>.</param>
/// <param name="Outbox">What waits to be sent.</param>
/// <param name="DeadLetters">What was given up.</param>
/// <param name="Projections">The read models; empty where there are none.</param>
/// <param name="Unknown">What is missing above, and why.</param>
internal sealed record ServiceSummary(
    string Service, string Version, DateTimeOffset StartedAt, Guid Replica, IReadOnlyList<CheckSummary> Checks, OutboxSummary? Outbox,
    DeadLettersSummary? DeadLetters, IReadOnlyList<FiguresOfProjection>? Projections, IReadOnlyList<UnknownPart> Unknown);

/// <param name="Name">Which part.</param>
/// <param name="Status"><c>healthy</c>, <c>degraded</c>, <c>unhealthy</c>, or <c>unknown</c> when it did not answer in time.</param>
/// <param name="Description">What it says.</param>
internal sealed record CheckSummary(string Name, string Status, string? Description);

/// <param name="Pending">Rows that should be on the broker already or are on their way.</param>
/// <param name="OldestAgeSeconds">Age of the oldest of them.</param>
/// <param name="Scheduled">Rows that are due later.</param>
/// <param name="Parked">Rows that could not be sent and wait for an operator.</param>
/// <param name="DispatchRate">Messages a second that this replica delivered, over the last minute at most.</param>
/// <param name="AsOf">When they were counted: every ten seconds, and not for each who asks.</param>
internal sealed record OutboxSummary(long Pending, double OldestAgeSeconds, long Scheduled, long Parked, double DispatchRate, DateTimeOffset AsOf);

/// <param name="Part">The member that is null, or the check.</param>
/// <param name="Reason">Why.</param>
internal sealed record UnknownPart(string Part, string Reason);

internal static class SummaryEndpoint
{
    /// <summary>For each part. Whoever asks wants to know what is slow, and not to wait for it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly DateTimeOffset StartedAt = Process.GetCurrentProcess().StartTime.ToUniversalTime();

    public static void Map(RouteGroupBuilder ops) => ops.MapGet("/summary", Get)
        .RequireSystemOperator(Permissions.ReadOperations)
        .WithName("ReadSummary")
        .WithSummary("The service at a glance: health, outbox, dead letters, read models. What it cannot find out in two seconds it says.");

    private static async Task<Ok<ServiceSummary>> Get(
        ServiceIdentity service, HealthCheckService health, IOptions<HealthCheckServiceOptions> registered, OutboxGauges gauges, OutboxStore store,
        MessagingMetrics metrics, DeadLetterFigures letters, IServiceProvider provider, TimeProvider clock, CancellationToken ct)
    {
        var checks = registered.Value.Registrations.Select(r => r.Name).OrderBy(n => n, StringComparer.Ordinal).Select(name => (
            Name: name, Report: Answer<HealthReport>.OfAsync(inTime => health.CheckHealthAsync(r => r.Name == name, inTime), clock, ct))).ToList();
        var outbox = Answer<OutboxSummary>.OfAsync(inTime => OutboxAsync(gauges, store, metrics, clock, inTime), clock, ct);
        var dead = Answer<DeadLettersSummary>.OfAsync(letters.ReadAsync, clock, ct);
        var projections = Answer<IReadOnlyList<FiguresOfProjection>>.OfAsync(
            inTime => provider.GetService<IProjectionFigures>()?.ReadAsync(inTime) ?? Task.FromResult<IReadOnlyList<FiguresOfProjection>>([]), clock, ct);
        await Task.WhenAll([outbox, dead, projections, .. checks.Select(c => c.Report)]);

        var unknown = new List<UnknownPart>();
        T? Known<T>(string part, Answer<T> answer)
            where T : class
        {
            if (answer.Reason is { } reason)
            {
                unknown.Add(new UnknownPart(part, reason));
            }

            return answer.Value;
        }

        return TypedResults.Ok(new ServiceSummary(
            service.Name,
            service.Version,
            StartedAt,
            service.InstanceId,
            [.. checks.Select(c => Summary(c.Name, Known($"checks.{c.Name}", c.Report.Result)))],
            Known("outbox", await outbox),
            Known("deadLetters", await dead),
            Known("projections", await projections),
            unknown));
    }

    private static CheckSummary Summary(string name, HealthReport? report) => report?.Entries.GetValueOrDefault(name) is { } entry
        ? new CheckSummary(name, entry.Status.ToString().ToLowerInvariant(), entry.Description)
        : new CheckSummary(name, "unknown", null);

    private static async Task<OutboxSummary> OutboxAsync(
        OutboxGauges gauges, OutboxStore store, MessagingMetrics metrics, TimeProvider clock, CancellationToken ct)
    {
        var (figures, at) = gauges.Last ?? (await store.FiguresAsync(metrics.DispatchRate, ct), clock.GetUtcNow());
        return new OutboxSummary(figures.Pending, figures.OldestAgeSeconds, figures.Scheduled, figures.Parked, metrics.DispatchRate, at);
    }

    /// <summary>What a part has said, or why it has not.</summary>
    private sealed record Answer<T>(T? Value, string? Reason)
        where T : class
    {
        public static async Task<Answer<T>> OfAsync(Func<CancellationToken, Task<T>> ask, TimeProvider clock, CancellationToken ct)
        {
            using var patience = new CancellationTokenSource(Patience, clock);
            using var late = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
            try
            {
                // Not all that is asked listens to its token.
                return new Answer<T>(await ask(late.Token).WaitAsync(late.Token), null);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return new Answer<T>(null, FormattableString.Invariant($"No answer in {Patience.TotalSeconds} s."));
            }
            catch (Exception e) when (DatabaseFailure.Is(e))
            {
                return new Answer<T>(null, "The database does not answer.");
            }
        }
    }
}
