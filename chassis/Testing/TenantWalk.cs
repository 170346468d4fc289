using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Testing;

/// <summary>
/// Every route that operators of a tenant may call, asked by three of them: the tenant's own sees what is there, one of another tenant finds nothing, one
/// without a tenant sees and changes it. A route without a row fails, and so does a row without a route. Routes for everybody and for operators of the
/// installation are left out.
/// </summary>
/// <param name="fixture">The service.</param>
/// <param name="tenant">Tenant whose data is there; it should be of this test alone.</param>
public sealed class TenantWalk<TProgram>(ServiceFixture<TProgram> fixture, string tenant)
    where TProgram : class
{
    private readonly Dictionary<string, Row?> _rows = new(StringComparer.Ordinal);

    /// <summary>A route that shows, or changes, what belongs to the tenant. What changes something is asked last, in the order of its rows.</summary>
    /// <param name="route">Such as <c>GET /v1/orders/{id}</c>.</param>
    /// <param name="shows">What the answer to GET must have in it, and must not have in it for another tenant.</param>
    /// <param name="values">Values for the placeholders of the route.</param>
    /// <param name="body">Sent as JSON; null for none.</param>
    /// <param name="query">Query string with its question mark.</param>
    public TenantWalk<TProgram> Of(string route, string shows, IReadOnlyDictionary<string, string>? values = null, object? body = null, string query = "") =>
        Add(route, new Row(shows, values, body, query, IsShared: false));

    /// <summary>A route to what belongs to no tenant, so that all see it; what is in it of a tenant is shown to that tenant only.</summary>
    /// <param name="route">Such as <c>GET /v1/products/{sku}/movements</c>.</param>
    /// <param name="hides">What is of the tenant in it.</param>
    /// <param name="values">Values for the placeholders of the route.</param>
    public TenantWalk<TProgram> Shared(string route, string hides, IReadOnlyDictionary<string, string>? values = null) =>
        Add(route, new Row(hides, values, null, "", IsShared: true));

    /// <summary>Routes to which a tenant is nothing.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="routes">Which.</param>
    public TenantWalk<TProgram> Without(string reason, params string[] routes)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        foreach (var route in routes)
        {
            Add(route, null);
        }

        return this;
    }

    /// <summary>Asks every route.</summary>
    /// <exception cref="InvalidOperationException">Lists everything that is not as it should be.</exception>
    public async Task VerifyAsync()
    {
        if (_rows.TryAdd("GET /v1/ops/audit", null))
        {
            await CheckAuditAsync();
        }

        var routes = ServiceRoutes.Of(fixture.Services).Where(r => IsForTenants(r.Value)).Select(r => r.Key).ToHashSet(StringComparer.Ordinal);
        await fixture.Database.NoteWritesAsync();
        var findings = new List<string>();
        findings.AddRange(routes.Except(_rows.Keys).Select(r => $"{r}: nobody has said what a tenant sees of it"));
        findings.AddRange(_rows.Keys.Except(routes).Select(r => $"{r}: has a row, and operators of a tenant have no such route"));
        using var own = fixture.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: tenant);
        using var other = fixture.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: $"not-{tenant}");
        using var all = fixture.Operator();
        foreach (var (route, row) in _rows.Where(r => r.Value is not null && routes.Contains(r.Key)).OrderBy(
            r => !r.Key.StartsWith("GET ", StringComparison.Ordinal)))
        {
            var reads = route.StartsWith("GET ", StringComparison.Ordinal);
            var (status, text, _) = await SendAsync(other, route, row!);
            var silent = reads && status == 200 && !text.Contains(row!.Mark, StringComparison.Ordinal);
            if (!(row!.IsShared ? silent : status == 404 || (silent && IsEmpty(text))))
            {
                findings.Add($"{route} as another tenant's operator: {status} {text}");
            }

            foreach (var (who, client) in reads
                ? [("the tenant's operator", own), ("an operator without tenant", all)]
                : new[] { ("an operator without tenant", all) })
            {
                (status, text, var correlation) = await SendAsync(client, route, row!);
                if (status is < 200 or > 299 || (reads && !text.Contains(row!.Mark, StringComparison.Ordinal)))
                {
                    findings.Add($"{route} as {who}: {status} {text}");
                }

                if (!reads && (await fixture.Database.WrittenWithAsync(correlation)).Count == 0)
                {
                    findings.Add($"{route} as {who}: is not in the audit by the transaction that wrote it");
                }
            }
        }

        if (findings.Count > 0)
        {
            throw new InvalidOperationException($"Tenants are not kept apart:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    /// <summary>A tenant's operators see what they did themselves, and only the installation's see all.</summary>
    private async Task CheckAuditAsync()
    {
        var (own, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        using var client = fixture.ClientFor(own, @operator: true, tenant: tenant);
        using var elsewhere = fixture.ClientFor(other, @operator: true, tenant: $"not-{tenant}");
        using var all = fixture.Operator();
        foreach (var (reader, sees) in new[] { (client, new[] { own }), (elsewhere, [other]), (client, [own]), (all, [own, other]) })
        {
            var text = await reader.GetStringAsync(new Uri("/v1/ops/audit?limit=200", UriKind.Relative));
            foreach (var id in new[] { own, other }.Where(id => text.Contains(id.ToString(), StringComparison.Ordinal)).Except(sees))
            {
                throw new InvalidOperationException($"GET /v1/ops/audit shows what {id} did to another tenant's operator");
            }
        }

        if (!(await all.GetStringAsync(new Uri($"/v1/ops/audit?userId={own}", UriKind.Relative))).Contains(tenant, StringComparison.Ordinal))
        {
            throw new InvalidOperationException("GET /v1/ops/audit does not show an operator without tenant what a tenant's did");
        }
    }

    private static bool IsForTenants(RouteEndpoint endpoint)
    {
        var policies = endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(a => a.Policy).ToList();
        return endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null && policies.Count > 0 && !policies.Contains(Policies.SystemOperator);
    }

    private static async Task<(int Status, string Text, string Correlation)> SendAsync(HttpClient client, string route, Row row)
    {
        var correlation = Guid.CreateVersion7().ToString();
        using var message = new HttpRequestMessage(
            new HttpMethod(route.Split(' ')[0]), new Uri(ServiceRoutes.Path(route, row.Values) + row.Query, UriKind.Relative));
        message.Headers.Add(CorrelationMiddleware.Header, correlation);
        message.Headers.Add(Idempotency.Header, correlation);
        message.Content = row.Body is null ? null : JsonContent.Create(row.Body, row.Body.GetType());
        using var answer = await client.SendAsync(message);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), correlation);
    }

    /// <summary>Nothing is listed in it and nothing is counted.</summary>
    private static bool IsEmpty(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Nothing(document.RootElement);

        static bool Nothing(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Object => value.EnumerateObject().All(p => Nothing(p.Value)),
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Number => value.GetDecimal() == 0,
            _ => true,
        };
    }

    private TenantWalk<TProgram> Add(string route, Row? row)
    {
        _rows.Add(route, row);
        return this;
    }

    private sealed record Row(string Mark, IReadOnlyDictionary<string, string>? Values, object? Body, string Query, bool IsShared);
}
