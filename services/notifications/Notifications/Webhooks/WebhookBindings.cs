using System.Collections.Immutable;
using Chassis.Data;
using Chassis.Messaging;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;
using Shop.Contracts;

namespace Notifications.Webhooks;

/// <summary>
/// The queue of the webhooks takes what some active webhook has asked for, and nothing else. Whoever asks for more is bound before that is committed, so that
/// nothing falls between; what nobody asks for any more this finds soon. ADR: docs/adr/0014-mails-and-webhooks.md.
/// </summary>
public sealed class WebhookBindings(IServiceScopeFactory scopes, IChangingSubscriptions subscriptions, TimeProvider clock, ILogger<WebhookBindings> logger)
    : PeriodicService(clock, logger)
{
    /// <summary>Leads nowhere: while the queue does not take every event, this does, or what nobody wants would lie among the unrouted events.</summary>
    public const string Ignored = "notifications.ignored";

    private const string All = ShopContracts.Namespace + ".#";
    private const string Lock = "webhook-bindings";

    // A version before this one took everything. Changed by whoever holds the lock.
    private ImmutableHashSet<string> _taken = [All];
    private bool _bound;
    private bool _settled;
    private bool? _ignoring;

    protected override TimeSpan Interval => _settled ? TimeSpan.FromSeconds(10) : TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Before a webhook is stored, in its transaction: from here on its events come to the queue, whether they are sent to it or, if it is not stored after
    /// all, dropped.
    /// </summary>
    /// <exception cref="BrokerUnavailableException">The broker does not answer; nothing may be stored.</exception>
    public async Task TakeAsync(NotificationsDbContext db, IEnumerable<string> eventTypes, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock_shared(hashtextextended({Lock}, 0))", ct);
        await TakeAsync(TopicsOf(eventTypes), ct);
    }

    /// <summary>Takes what is asked for by now, and leaves the rest.</summary>
    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotificationsDbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);

        // Nobody who is about to store a webhook has bound it meanwhile.
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({Lock}, 0))", ct);
        var wanted = TopicsOf(await db.Database.SqlQuery<string>(
            $"SELECT DISTINCT unnest(event_types) AS \"Value\" FROM webhooks WHERE status = 'active'").ToListAsync(
            ct));
        try
        {
            // In this order: at no time is an event taken by nobody. Before all else is bound, what lies among the unrouted events may be for somebody here: so
            // nothing is ignored then, and nothing left either.
            await TakeAsync(wanted.Except(_bound ? _taken : []), ct);
            _bound = true;
            if (!subscriptions.OthersAreBound)
            {
                return;
            }

            if (_ignoring != !wanted.Contains(All))
            {
                await subscriptions.IgnoreAsync(Ignored, All, !wanted.Contains(All), ct);
                _ignoring = !wanted.Contains(All);
            }

            var unwanted = _taken.Except(wanted);
            if (unwanted.Count > 0)
            {
                await subscriptions.LeaveAsync(NotificationQueues.Webhooks, unwanted, ct);
            }

            (_taken, _settled) = (wanted, true);
        }
        catch (BrokerUnavailableException)
        {
            // The relay and the endpoints say so; the next time is soon.
        }
    }

    private async Task TakeAsync(ImmutableHashSet<string> topics, CancellationToken ct)
    {
        if (topics.Count > 0)
        {
            await subscriptions.TakeAsync(NotificationQueues.Webhooks, topics, ct);
            ImmutableInterlocked.Update(ref _taken, set => set.Union(topics));
        }
    }

    private static ImmutableHashSet<string> TopicsOf(IEnumerable<string> eventTypes) => [.. eventTypes.Select(EventTypePattern.ToTopic).OfType<string>()];
}
