using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chassis.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Testing;

/// <summary>What one request of the matrix is about.</summary>
/// <param name="OwnerId">The user that the resource belongs to.</param>
/// <param name="RouteValues">Values for the placeholders of the route.</param>
/// <param name="Body">Sent as JSON; null for none.</param>
/// <param name="Query">Query string with its question mark.</param>
public sealed record MatrixRequest(Guid OwnerId, IReadOnlyDictionary<string, string>? RouteValues = null, object? Body = null, string Query = "");

/// <summary>What each caller gets.</summary>
/// <param name="Anonymous">Without a token.</param>
/// <param name="Owner">The customer that the resource belongs to.</param>
/// <param name="Other">Another customer.</param>
/// <param name="Operator">An operator.</param>
/// <param name="OtherTenant">An operator of another tenant.</param>
public sealed record MatrixRow(int Anonymous, int Owner, int Other, int Operator, int OtherTenant)
{
    /// <summary>Anything but 401 and 403: the caller is let in, and what the handler says is another test's business.</summary>
    public const int LetIn = 0;

    /// <summary>
    /// An operator whose own the resource is: gets what its owner gets, and where owners are refused what operators get. Where that is not so, it is said here.
    /// </summary>
    public int OperatorItself { get; init; } = Owner is 401 or 403 ? Operator : Owner;

    public static MatrixRow Everybody { get; } = new(LetIn, LetIn, LetIn, LetIn, LetIn);

    public static MatrixRow OperatorsOnly { get; } = new(401, 403, 403, LetIn, LetIn);

    public static MatrixRow SystemOperatorsOnly { get; } = new(401, 403, 403, LetIn, 403);
}

/// <summary>
/// Every route of a service × every kind of caller, with the status that each must get. A route without a row fails, and so does a row without a route,
/// an endpoint on which nobody has said who may call it, and one without a name or a summary. An operator who has but the permissions that the endpoint names
/// is let in like one who may do everything, and one who has all others is a stranger. Every call of an operator, and of what is for operators, has to be in
/// the audit, once and with its status, and no answer to somebody signed in is for a cache. A token that does not hold is 401 everywhere, also where none is
/// needed. Whatever answers GET answers HEAD with the same status.
/// </summary>
public sealed partial class AuthorizationMatrix<TProgram>(ServiceFixture<TProgram> fixture)
    where TProgram : class
{
    private readonly Dictionary<string, (MatrixRow Row, Func<Task<MatrixRequest>> Arrange)> _rows = new(StringComparer.Ordinal);

    /// <summary>Adds a row.</summary>
    /// <param name="route">Method and pattern without constraints, such as <c>GET /v1/orders/{id}</c>.</param>
    /// <param name="row">Who gets what.</param>
    /// <param name="arrange">Makes a fresh resource; called for every cell, so that a cell may destroy it.</param>
    public AuthorizationMatrix<TProgram> Row(string route, MatrixRow row, Func<Task<MatrixRequest>>? arrange = null)
    {
        _rows.Add(route, (row, arrange ?? (() => Task.FromResult(new MatrixRequest(Guid.CreateVersion7())))));
        return this;
    }

    /// <summary>Adds the rows of what the chassis itself maps: health, OpenAPI, the reference page, and the operations of messaging.</summary>
    public AuthorizationMatrix<TProgram> ChassisRows()
    {
        foreach (var route in Routes().Keys.Where(r => !_rows.ContainsKey(r)))
        {
            if (ForEverybody().IsMatch(route))
            {
                Row(route, MatrixRow.Everybody);
            }
            else if (route == "GET /v1/ops/audit")
            {
                Row(route, MatrixRow.OperatorsOnly);
            }
            else if (ForOperations().IsMatch(route))
            {
                Row(
                    route,
                    MatrixRow.SystemOperatorsOnly,
                    () => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), ValuesOf(route), Body: BodyOf(route))));
            }
        }

        return this;
    }

    /// <summary>Asks every route as every caller.</summary>
    /// <exception cref="InvalidOperationException">Lists everything that is not as the matrix says.</exception>
    public async Task VerifyAsync()
    {
        var routes = Routes();
        var findings = new List<string>();
        findings.AddRange(routes.Keys.Except(_rows.Keys).Select(r => $"{r}: has no row in the matrix"));
        findings.AddRange(_rows.Keys.Except(routes.Keys).Select(r => $"{r}: is in the matrix, and the service has no such route"));
        findings.AddRange(routes.Where(r => !SaysWhoMayCall(r.Value)).Select(r => $"{r.Key}: nobody has said who may call it"));
        findings.AddRange(routes.Where(r => r.Key.Contains(" /v1/", StringComparison.Ordinal) && !IsDescribed(r.Value)).Select(
            r => $"{r.Key}: has no name, or no summary, for /docs and generated clients"));
        foreach (var (route, (row, arrange)) in _rows.Where(r => routes.ContainsKey(r.Key)))
        {
            await CheckAsync("anonymous", row.Anonymous, _ => fixture.Anonymous());
            await CheckAsync("owner", row.Owner, request => fixture.ClientFor(request.OwnerId));
            await CheckAsync("other customer", row.Other, _ => fixture.ClientFor(Guid.CreateVersion7()));
            await CheckAsync("operator", row.Operator, _ => fixture.Operator());
            await CheckAsync("operator itself", row.OperatorItself, request => fixture.ClientFor(request.OwnerId, @operator: true));
            await CheckAsync("other tenant's operator", row.OtherTenant, _ => fixture.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: "elsewhere"));
            await CheckAsync("other tenant's customer", row.Other, _ => fixture.ClientFor(Guid.CreateVersion7(), tenant: "elsewhere"));
            var needed = PermissionsOf(routes[route]);
            await CheckAsync("operator with what it takes and no more", row.Operator, _ => Someone("some-operators", [.. needed, "something.else"]));
            await CheckAsync(
                "operator with all but that",
                row.Other,
                _ => Someone("some-operators", [.. Routes().Values.SelectMany(PermissionsOf).Except(needed), "something.else"]));
            await CheckAsync("somebody without a role", IsOpen(routes[route]) ? row.Other : 403, _ => Someone(role: null, permissions: null));
            if (routes[route].Metadata.GetMetadata<BearerIsIgnored>() is null)
            {
                await CheckAsync(
                    "somebody whose token does not hold", 401, _ => fixture.WithToken(fixture.TokenFor(Guid.CreateVersion7(), @operator: true)[..^8]));
            }

            async Task CheckAsync(string caller, int expected, Func<MatrixRequest, HttpClient> clientFor)
            {
                var request = await arrange();
                using var client = clientFor(request);
                var correlation = Guid.CreateVersion7().ToString();
                client.DefaultRequestHeaders.Add(CorrelationMiddleware.Header, correlation);
                var (status, head, isStored) = await SendAsync(client, route, request);
                var asExpected = expected == MatrixRow.LetIn ? status is not (401 or 403) : status == expected;
                if (!asExpected)
                {
                    findings.Add($"{route} as {caller}: {status}, expected {(expected == MatrixRow.LetIn ? "to be let in" : expected)}");
                }

                (string, int)[] due = status != 401 && IsAudited(routes[route], caller) ? [(EventOf(routes[route], route), status)] : [];
                var audited = (await fixture.Database.AuditedAsync(correlation)).Distinct().ToList();
                if (!audited.SequenceEqual(due))
                {
                    findings.Add($"{route} as {caller}: the audit has [{string.Join(", ", audited)}], due is [{string.Join(", ", due)}]");
                }

                if (isStored && caller != "anonymous")
                {
                    findings.Add($"{route} as {caller}: the answer has no Cache-Control: no-store");
                }

                if (head != status)
                {
                    findings.Add($"{route} as {caller}: {status}, and {head} to HEAD");
                }
            }
        }

        if (findings.Count > 0)
        {
            throw new InvalidOperationException($"The authorization matrix does not hold:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    /// <summary>Sends every route what is beyond each bound that its description gives, and expects to be refused by the name of the field.</summary>
    /// <exception cref="InvalidOperationException">Lists every input without bounds, and everything that was not refused.</exception>
    public async Task VerifyBoundsAsync()
    {
        using var anonymous = fixture.Anonymous();
        var walk = new BoundsWalk((await anonymous.GetFromJsonAsync<JsonNode>("/openapi/v1.json"))!);
        var findings = new List<string>();
        var tried = 0;
        foreach (var (route, (row, arrange)) in _rows)
        {
            var request = await arrange();
            using var client = row.Operator is MatrixRow.LetIn or < 400 ? fixture.Operator() : fixture.ClientFor(request.OwnerId);
            foreach (var breach in walk.BreachesOf(
                route,
                request.Body is null or HttpContent ? null : JsonSerializer.SerializeToNode(request.Body, request.Body.GetType(), JsonSerializerOptions.Web)))
            {
                tried++;
                using var message = new HttpRequestMessage(
                    new HttpMethod(route.Split(' ')[0]), new Uri(ServiceRoutes.Path(route, request.RouteValues) + breach.Query, UriKind.Relative));
                message.Content = breach.Body is null ? null : JsonContent.Create(breach.Body);
                using var answer = await client.SendAsync(message);
                var said = await answer.Content.ReadAsStringAsync();
                if (answer.StatusCode != HttpStatusCode.BadRequest || !BoundsWalk.Names(said, breach.Field))
                {
                    findings.Add($"{route}: {breach.Field} beyond its bounds{breach.Query}: {(int)answer.StatusCode} {said[..Math.Min(said.Length, 300)]}");
                }
            }
        }

        findings.AddRange(walk.Unbounded.Distinct());
        if (findings.Count > 0 || tried == 0)
        {
            throw new InvalidOperationException($"Of {tried} inputs beyond their bounds:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    // Rows of the outbox are counted.
    private static Dictionary<string, string>? ValuesOf(string route) =>
        route.Contains("/timers/", StringComparison.Ordinal) || route.Contains("/outbox/messages/", StringComparison.Ordinal) ? new() { ["id"] = "0" } : null;

    private static object? BodyOf(string route) => route switch
    {
        "POST /v1/ops/timers/{id}/cancel" => new { reason = "none" },
        "POST /v1/ops/dead-letters/retry" => new { queue = "none" },
        "POST /v1/ops/dead-letters/retries" => new { queue = "none", because = "a reason" },
        "POST /v1/ops/dead-letters/{id}/edit" => new { body = new { }, reason = "a reason" },
        "POST /v1/ops/dead-letters/{id}/park" or "POST /v1/ops/dead-letters/{id}/reopen" => new { reason = "a reason" },
        "POST /v1/ops/dead-letters/{id}/notes" => new { text = "a note" },
        "POST /v1/ops/boundary-events/replay" => new { from = DateTimeOffset.UnixEpoch, destination = "none", types = new[] { "none" } },
        _ => null,
    };

    private HttpClient Someone(string? role, IReadOnlyList<string>? permissions) =>
        fixture.WithToken(fixture.TokenFor(Guid.CreateVersion7(), role, permissions));

    private static List<string> PermissionsOf(RouteEndpoint endpoint) =>
    [
        .. endpoint.Metadata.GetOrderedMetadata<PermissionRequirement>().Select(p => p.Permission),
        .. endpoint.Metadata.GetOrderedMetadata<OthersPermission>().Select(p => p.Permission),
    ];

    private static bool IsOpen(Microsoft.AspNetCore.Http.Endpoint endpoint) => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;

    private static bool IsDescribed(RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IEndpointNameMetadata>() is not null
            && endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Http.Metadata.IEndpointSummaryMetadata>() is not null;

    private static bool SaysWhoMayCall(Microsoft.AspNetCore.Http.Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null || IsOpen(endpoint);

    private static bool IsAudited(RouteEndpoint endpoint, string caller) =>
        !IsOpen(endpoint) && caller is not ("anonymous" or "somebody whose token does not hold")
        && (caller.Contains("operator", StringComparison.Ordinal)
            || endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(a => a.Policy is Policies.Operator or Policies.SystemOperator));

    private static string EventOf(RouteEndpoint endpoint, string route) => $"{route.Split(' ')[0]} /{endpoint.RoutePattern.RawText!.Trim('/')}";

    private static async Task<(int Status, int Head, bool IsStored)> SendAsync(HttpClient client, string route, MatrixRequest request)
    {
        var method = route.Split(' ')[0];
        var path = ServiceRoutes.Path(route, request.RouteValues);
        using var message = new HttpRequestMessage(new HttpMethod(method), new Uri(path + request.Query, UriKind.Relative));
        if (request.Body is HttpContent content)
        {
            message.Content = content;
        }
        else if (request.Body is not null)
        {
            message.Content = JsonContent.Create(request.Body, request.Body.GetType());
        }

        using var answer = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        var isStored = answer.Headers.CacheControl?.NoStore != true
            && !ForEverybody().IsMatch(route)
            && !route.StartsWith("GET /.well-known/", StringComparison.Ordinal);
        if (method != "GET")
        {
            return ((int)answer.StatusCode, (int)answer.StatusCode, isStored);
        }

        using var headMessage = new HttpRequestMessage(HttpMethod.Head, message.RequestUri);
        using var head = await client.SendAsync(headMessage);
        return ((int)answer.StatusCode, (int)head.StatusCode, isStored);
    }

    private Dictionary<string, RouteEndpoint> Routes() => ServiceRoutes.Of(fixture.Services);

    [GeneratedRegex("^GET /(health/(live|ready)|docs(/.*)?|openapi/.*|asyncapi([.]yaml)?)$")]
    private static partial Regex ForEverybody();

    [GeneratedRegex("^[A-Z]+ /v1/ops/(dead-letters|outbox|timers|summary|boundary-events|projections|copies)(/.*)?$")]
    private static partial Regex ForOperations();
}
