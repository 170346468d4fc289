using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>
/// What is promised of tenants: whatever happens to an order or an account happens under its tenant, and no partner hears of another tenant's.
/// </summary>
public sealed partial class Oracle
{
    /// <summary>By service: what there is (a word for it, the order or person that it is about, the tenant that it says).</summary>
    private static readonly (string Service, string Sql)[] OfTenants =
    [
        ("orders",
            """
            SELECT 'the order', id::text, tenant_id FROM orders
            UNION ALL SELECT 'its fulfilment', order_id::text, tenant_id FROM fulfilments
            UNION ALL SELECT 'its payment', order_id::text, tenant_id FROM payments
            UNION ALL SELECT 'core event ' || event_type, stream_id::text, metadata ->> 'tenantId' FROM event_store.events
            UNION ALL SELECT type, data ->> 'orderId', headers ->> 'cloudEvents_tenantid' FROM messaging.boundary_events WHERE data ->> 'orderId' IS NOT NULL
            """),
        ("inventory",
            """
            SELECT 'its reservation', order_id::text, tenant_id FROM reservations
            UNION ALL SELECT 'its shipment', order_id::text, tenant_id FROM shipments
            UNION ALL SELECT kind || ' in the ledger', order_id::text, tenant_id FROM movements WHERE order_id IS NOT NULL
            UNION ALL SELECT type, data ->> 'orderId', headers ->> 'cloudEvents_tenantid' FROM messaging.boundary_events WHERE data ->> 'orderId' IS NOT NULL
            """),
        ("notifications",
            """
            SELECT 'mail ' || template, coalesce(order_id, user_id)::text, tenant_id FROM mails WHERE coalesce(order_id, user_id) IS NOT NULL
            UNION ALL SELECT 'the contact', user_id::text, tenant_id FROM contacts
            """),
        ("users",
            """
            SELECT 'the account', id::text, tenant_id FROM users WHERE role = 'customer'
            UNION ALL SELECT 'core event ' || e.event_type, e.user_id::text, e.tenant_id FROM user_events e JOIN users u ON u.id = e.user_id WHERE u.role = 'customer'
            UNION ALL SELECT b.type, b.subject, b.headers ->> 'cloudEvents_tenantid' FROM messaging.boundary_events b JOIN users u ON u.id::text = b.subject WHERE u.role = 'customer'
            """),
    ];

    private readonly Dictionary<string, string?> _tenants = [];

    private async Task<Verdict> TenantsAreKeptApartAsync()
    {
        foreach (var (user, tenant) in _market.TenantOf)
        {
            _tenants[user.ToString()] = tenant;
        }

        foreach (var (order, user) in await _stage.RowsAsync("orders", "SELECT id::text, user_id::text FROM orders", r => (r.GetString(0), r.GetString(1))))
        {
            if (_tenants.TryGetValue(user, out var tenant))
            {
                _tenants[order] = tenant;
            }
        }

        var violations = new List<string>();
        var looked = 0;
        foreach (var (service, sql) in OfTenants)
        {
            foreach (var (what, about, tenant) in await _stage.RowsAsync(
                service, sql, r => (r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2))))
            {
                // What a stranger has put in, and what is about somebody whose registration got no answer, is about nobody known.
                if (_tenants.TryGetValue(about, out var expected))
                {
                    looked++;
                    if (tenant != expected)
                    {
                        violations.Add($"{service}: {what} of {about} belongs to {Name(tenant)} instead of {Name(expected)}");
                    }
                }
            }
        }

        violations.AddRange(await SalesOfTenantsAsync());
        return new Verdict("tenants", "Whatever there is of an order or a person belongs to its tenant, in every service, whoever acted", looked, violations);
    }

    private async Task<IEnumerable<string>> SalesOfTenantsAsync()
    {
        var counted = (await _stage.RowsAsync(
            "orders", "SELECT tenant_id, sum(placed)::bigint FROM sales_by_day GROUP BY 1", r => (r.GetString(0), r.GetInt64(1)))).ToDictionary();
        var placed = (await _stage.RowsAsync(
            "orders", "SELECT stream_id::text FROM event_store.events WHERE event_type = 'order.submitted'", r => r.GetString(0)))
            .CountBy(order => _tenants.GetValueOrDefault(order) ?? "").ToDictionary();
        return from tenant in Tenants.All
               let key = tenant ?? ""
               where counted.GetValueOrDefault(key) != placed.GetValueOrDefault(key)
               select $"the statistics count {counted.GetValueOrDefault(key)} orders of {Name(tenant)}, there were {placed.GetValueOrDefault(key)}";
    }

    /// <summary>
    /// Expected is what orders and persons say, and not what the events do: those are what may be wrong. What was to be told of a person who is erased is not
    /// told any more, and of whom the market knows nothing, since nobody answered to the registration, the tenant is not known.
    /// </summary>
    private Verdict TenantsHearOfTheirsAlone()
    {
        var violations = new List<string>();
        var erased = _market.Leaving.Select(id => id.ToString()).ToHashSet();
        var ofStrangers = _told.Where(e => !_tenants.ContainsKey(e.About)).Select(e => e.Id).ToHashSet();
        foreach (var tenant in Tenants.Named)
        {
            var theirs = _told.Where(
                e => Stage.TenantEvents.Any(p => e.Type.StartsWith(p[..^1], StringComparison.Ordinal))
                    && _tenants.GetValueOrDefault(e.About) == tenant).ToArray();
            var ids = theirs.Select(e => e.Id).ToHashSet();
            var arrived = ArrivedAt(tenant);
            violations.AddRange(arrived.Where(id => !ids.Contains(id) && !ofStrangers.Contains(id)).Select(
                id => $"the partner of {tenant} got {id}, which is not {tenant}'s"));
            violations.AddRange(theirs.Where(e => !arrived.Contains(e.Id) && !erased.Contains(e.About)).Select(
                e => $"the partner of {tenant} did not get {e.Id}"));
        }

        return new Verdict("tenants-hear", "The partner of a tenant gets every event of that tenant and none of another", _told.Count, violations);
    }

    private static string Name(string? tenant) => tenant ?? "nobody";
}
