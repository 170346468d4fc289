using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Chaos.Load;
using Shop.Chaos.Report;
using Shop.Cluster;

namespace Shop.Chaos.Invariants;

/// <summary>
/// What must be true of the system once it is at rest, whatever happened to it before. Each invariant asks from outside or reads the database itself.
/// </summary>
public sealed partial class Oracle
{
    public static readonly IReadOnlyList<string> ServiceNames = ShopCluster.ServiceNames;

    private const double AcceptedShare = 0.95;

    private readonly Stage _stage;
    private readonly Market _market;
    private readonly IReadOnlyList<FaultRecord> _faults;
    private readonly Dictionary<Guid, JsonElement> _orders = [];
    private readonly List<LedgerEntry> _ledger = [];
    private readonly Dictionary<string, HashSet<string>> _archives = [];
    private readonly List<ToldEvent> _told = [];
    private JsonElement _payments;
    private HashSet<Guid> _stored = [];
    private HashSet<Guid> _ordersOfStrangers = [];
    private HashSet<string> _published = [];

    private Oracle(Stage stage, Market market, IReadOnlyList<FaultRecord> faults) => (this._stage, this._market, this._faults) = (stage, market, faults);

    public static async Task<IReadOnlyList<Verdict>> JudgeAsync(Stage stage, Market market, IReadOnlyList<FaultRecord> faults)
    {
        var oracle = new Oracle(stage, market, faults);
        await oracle.LoadAsync();
        return
        [
            oracle.EveryOrderEnds(), oracle.OutcomesHaveCauses(), oracle.IdempotencyHolds(), oracle.OneOrderPerKey(), await oracle.LeaversAreCancelledAsync(),
            await oracle.StreamsAreContiguousAsync(), await oracle.ReadModelEqualsTheFoldAsync(), await oracle.SalesEqualTheEventsAsync(),
            await oracle.StockAddsUpAsync(), oracle.MoneyFollowsTheGoods(), await oracle.PaymentsEqualTheLedgerAsync(),
            oracle.MailsGoOnce(), await oracle.SentMailsArriveAsync(), await oracle.EveryOrderHasItsMailsAsync(), await oracle.EverybodyIsWelcomedAsync(),
            oracle.WebhooksAreStable(), oracle.WebhooksArrive(), await oracle.WebhooksAreKeptAsync(),
            await oracle.NothingIsToldBeforeItIsTrueAsync(), await oracle.RepeatedCommandsActOnceAsync(), await oracle.OutboxesAreEmptyAsync(),
            await oracle.OnlyPoisonIsDeadAsync(), await oracle.AllPoisonIsDeadAsync(), await oracle.CausationIsConnectedAsync(),
            await oracle.EndedSessionsAreKnownAsync(),
            await oracle.TenantsAreKeptApartAsync(), oracle.TenantsHearOfTheirsAlone(),
            await oracle.NothingOfTheErasedIsLeftAsync(), await oracle.NothingOfOthersIsErasedAsync(), await oracle.PendingPaymentsEndAsync(),
            await oracle.OddMessagesAreKeptAsync(), await oracle.ForgeriesAreRefusedAsync(),
            await oracle.TheTopologyIsWholeAsync(), oracle.BystandersGoOn(), oracle.RecoveryIsQuick(), oracle.NobodyCrashed(), oracle.TheRunMeansSomething(),
        ];
    }

    public static async Task<IReadOnlyDictionary<string, int>> OutcomesAsync(Stage stage)
    {
        var rows = await stage.RowsAsync(
            "orders", "SELECT status, count(*)::int FROM orders WHERE status <> 'draft' GROUP BY status", r => (r.GetString(0), r.GetInt32(1)));
        return rows.ToDictionary(r => r.Item1, r => r.Item2);
    }

    private async Task LoadAsync()
    {
        await Parallel.ForEachAsync(_market.Placed, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (order, _) =>
        {
            var (status, body) = await AskAsync("orders", $"/v1/orders/{order.Id}");
            if (status == HttpStatusCode.OK)
            {
                lock (_orders)
                {
                    _orders[order.Id] = body;
                }
            }
        });
        var entries = await _stage.Sandbox.GetFromJsonAsync<JsonElement>("/sandbox/ledger?limit=100000");
        _payments = entries.GetProperty("payments");
        _ledger.AddRange(entries.GetProperty("entries").EnumerateArray().Select(e => new LedgerEntry(
            e.GetProperty("type").GetString()!,
            e.GetProperty("amount").GetInt64(),
            e.TryGetProperty("order_id", out var id) && Guid.TryParse(id.GetString(), out var order) ? order : Guid.Empty)));
        var submitted = (await _stage.RowsAsync(
            "orders", "SELECT id, user_id FROM orders WHERE status <> 'draft'", r => (Id: r.GetGuid(0), UserId: r.GetGuid(1)))).ToLookup(
            o => _market.Strangers.Contains(o.UserId), o => o.Id);
        (_stored, _ordersOfStrangers) = ([.. submitted[false]], [.. submitted[true]]);
        _published =
        [
            .. await _stage.RowsAsync("orders", "SELECT event_id::text FROM messaging.boundary_events WHERE type LIKE 'shop.order.%'", r => r.GetString(0)),
        ];
        foreach (var service in ServiceNames)
        {
            var events = await _stage.RowsAsync(
                service,
                "SELECT event_id::text, type, coalesce(data ->> 'orderId', subject) FROM messaging.boundary_events",
                r => new ToldEvent(r.GetString(0), r.GetString(1), r.GetString(2)));
            _archives[service] = [.. events.Select(e => e.Id)];
            _told.AddRange(events);
        }
    }

    /// <summary>An answer about the question: whoever says "too many requests" or "not now" is asked again.</summary>
    private async Task<(HttpStatusCode Status, JsonElement Body)> AskAsync(string service, string path) =>
        await _market.Operator.AskAsync(HttpMethod.Get, service, path) is { } answer
            ? (answer.Status, JsonSerializer.Deserialize<JsonElement>(answer.Body))
            : throw new TimeoutException($"GET {path} of {service} got no answer.");

    private async Task<JsonElement> ReadAsync(string service, string path) =>
        await AskAsync(service, path) is (HttpStatusCode.OK, var body) ? body : throw new HttpRequestException($"GET {path} of {service} was refused.");

    /// <summary>A process that has become deaf may end, with 1; whatever else ends one is a bug, although its supervisor hides it.</summary>
    private Verdict NobodyCrashed()
    {
        var endings = _stage.Cluster.All.SelectMany(r => r.Endings.Select(code => (r.Name, Code: code))).ToArray();
        return new Verdict(
            "processes",
            $"No process crashed by itself ({endings.Count(e => e.Code == 1)} ended because they had become deaf)",
            _stage.Cluster.All.Count(),
            [.. endings.Where(e => e.Code != 1).Select(e => $"{e.Name} ended by itself with exit code {e.Code}")]);
    }

    private Verdict TheRunMeansSomething()
    {
        var violations = new List<string>();
        var accepted = _market.Placed.Count / (double)Math.Max(1, _market.Attempted);
        if (accepted < AcceptedShare)
        {
            violations.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"only {accepted:P1} of the orders were accepted; {_market.Abandoned} without an answer; refused: {string.Join(" | ", _market.Refusals.Take(3))}"));
        }

        violations.AddRange(
            from kind in _faults.GroupBy(f => f.Kind)
            let most = kind.Max(f => f.Orders)
            where most < Math.Min(ChaosRun.WorthHurting, _market.Attempted / Math.Max(1, _faults.Count) / 2)
            select string.Create(CultureInfo.InvariantCulture, $"'{kind.Key}' met only {most} orders"));
        return new Verdict("meaning", "The run means something: 95 % of the orders accepted, every kind of fault met orders", _market.Attempted, violations);
    }

    private string StatusOf(PlacedOrder order) => _orders[order.Id].GetProperty("status").GetString()!;

    private string ReasonOf(PlacedOrder order) =>
        _orders.TryGetValue(order.Id, out var state) && Has(state, "reason") ? state.GetProperty("reason").GetString()! : "";

    private static bool Has(JsonElement order, string member) => order.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String;

    private sealed record LedgerEntry(string Type, long Amount, Guid OrderId);

    /// <param name="Id">The event.</param>
    /// <param name="Type">Its type.</param>
    /// <param name="About">The order that it is about; the subject, where it is about none.</param>
    private sealed record ToldEvent(string Id, string Type, string About);
}
