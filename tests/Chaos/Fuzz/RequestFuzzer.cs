using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Chaos.Invariants;
using Shop.Chaos.Load;
using Shop.Cluster;

namespace Shop.Chaos.Fuzz;

/// <summary>
/// Requests to every operation that the services describe: right ones, nearly right ones and hostile ones, by nobody, by customers and by an operator, about
/// what earlier answers have named. What the market lives on is not touched: only what the fuzzer itself has made is named.
/// </summary>
public sealed class RequestFuzzer(Stage stage, Market market, int seed) : IDisposable
{
    private const int Workers = 8;
    private const double CostlyShare = 0.02;

    /// <summary>No request takes so long by itself; one that does hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly string[] OddHeaders =
    [
        "If-Match",
        "If-None-Match",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Range",
        "Expect",
        "Origin",
        "traceparent",
        "X-Forwarded-For",
        "X-Correlation-Id",
        "Prefer",
    ];

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = Patience };
    private readonly ConcurrentDictionary<string, KnownIds> _known = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentDictionary<int, int> _answers = new();
    private readonly ConcurrentDictionary<(string Operation, int Status), int> _byOperation = new();
    private readonly ConcurrentDictionary<string, string> _refusals = new();
    private Operation[] _operations = [];
    private Customer[] _customers = [];
    private int _sent;

    /// <summary>What came back that must not: by operation, with what brings it back.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>How often each status was answered.</summary>
    public IReadOnlyDictionary<int, int> Answers => _answers;

    public int Sent => _sent;

    /// <summary>Operations that nothing was accepted by: fuzzing has not gone behind their door.</summary>
    public IEnumerable<string> NeverAccepted =>
        _operations.Select(o => o.ToString()).Where(o => !_byOperation.Keys.Any(k => k.Operation == o && k.Status is >= 200 and < 300));

    /// <summary>A line for each operation: how often which status was answered, and what was said last to a request that was meant well.</summary>
    public IEnumerable<string> Table =>
        from operation in _operations.Select(o => o.ToString())
        select $"{operation}: {string.Join(", ", _byOperation.Where(b => b.Key.Operation == operation).OrderBy(b => b.Key.Status).Select(b => string.Create(CultureInfo.InvariantCulture, $"{b.Value} × {b.Key.Status}")))}; {_refusals.GetValueOrDefault(operation)}";

    public async Task RunAsync(int requests)
    {
        _operations = [.. (await Task.WhenAll(Oracle.ServiceNames.Select(DescribedAsync))).SelectMany(o => o)];
        _customers = [market.Stranger(), market.Stranger()];
        await StockAsync();
        await ReplayCasesAsync();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, requests),
            new ParallelOptions { MaxDegreeOfParallelism = Workers },
            async (i, _) => await SendAsync(new Random(unchecked((seed * 1_000_003) + i))));
        await TidyUpAsync();
    }

    public void Dispose()
    {
        _http.Dispose();
        foreach (var customer in _customers)
        {
            customer.Dispose();
        }
    }

    /// <summary>Something to order from the beginning.</summary>
    private async Task StockAsync()
    {
        var shop = await market.Operator.ClientAsync();
        for (var i = 0; i < 5; i++)
        {
            var sku = $"STAYS-{i}";    // not one of those that are learnt, and changed and discontinued
            await shop.StockAsync(sku, quantity: 100_000);
            Note("stock", sku);
        }
    }

    private async Task<IEnumerable<Operation>> DescribedAsync(string service)
    {
        var document = JsonNode.Parse(await _http.GetStringAsync(new Uri(stage.Cluster.Of(service)[0].Address, "/openapi/v1.json")))!;
        return Operation.Of(service, document);
    }

    private Task SendAsync(Random random)
    {
        var mangler = new Mangler(random);
        var sense = new Sense(random, resource => _known.GetValueOrDefault(resource)?.Any(random));
        Operation operation;
        do
        {
            operation = _operations[random.Next(_operations.Length)];
        }
        while (operation.IsCostly && random.NextDouble() > CostlyShare * 10);

        var asOperator = operation.IsForOperators ? random.Next(10) > 0 : random.Next(4) == 0;
        var caller = random.Next(12) == 0 ? null : asOperator ? market.Operator : _customers[random.Next(_customers.Length)];
        var hostility = Math.Max(0, random.Next(-1, 4));    // 0: right in everything
        var request = new Attempt(
            operation.Service,
            Method(operation, random, hostility),
            PathOf(operation, random, sense, mangler, hostility) + QueryOf(operation, random, sense, mangler, hostility));
        if (operation.Method != "GET")
        {
            request.Headers["Idempotency-Key"] = random.Next(6) == 0
                ? $"fuzz-{random.Next(50)}"
                : hostility > 1 && random.Next(8) == 0 ? mangler.Text() : Guid.NewGuid().ToString();
        }

        if (operation.Body is { } schema && random.Next(40) > 0)
        {
            AddBody(request, operation, schema, random, sense, mangler, hostility);
        }

        if (hostility > 1 && random.Next(4) == 0)
        {
            request.Headers[OddHeaders[random.Next(OddHeaders.Length)]] = random.Next(2) == 0 ? "\"1\", W/\"2\", *" : mangler.Text();
        }

        if (hostility == 3 && random.Next(10) == 0)
        {
            request.Headers["Authorization"] = $"Bearer {mangler.Text()}";
        }

        return SendAsync(request, operation, caller, asOperator, isMeantWell: hostility == 0 && caller is not null);
    }

    private static string Method(Operation operation, Random random, int hostility) =>
        hostility == 3 && random.Next(20) == 0
            ? ((string[])["GET", "HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "DELETE", "POST", "BREW"])[random.Next(9)]
            : operation.Method;

    private static string PathOf(Operation operation, Random random, Sense sense, Mangler mangler, int hostility)
    {
        var path = new StringBuilder();
        var resource = "";
        foreach (var part in operation.Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var isName = part[0] == '{';
            path.Append('/').Append(
                !isName ? part
                : hostility > 0
                    && random.Next(8) == 0 ? ((string[])
                    [
                        "%00", "%ED%A0%80", "..%2f..", "%", new string('a', 3_000), Uri.EscapeDataString(mangler.Text()),
                    ])[random.Next(6)]
                : sense.Id(resource, part));
            resource = isName ? resource : part;
        }

        return path.ToString();
    }

    private static string QueryOf(Operation operation, Random random, Sense sense, Mangler mangler, int hostility)
    {
        var parts = new List<string>();
        foreach (var parameter in operation.Parameters.Where(p => (string?)p["in"] == "query" && random.Next(3) == 0))
        {
            var name = (string)parameter["name"]!;
            if (name == "cursor" && hostility == 0)
            {
                continue;    // of another list it would be wrong
            }

            var value = hostility > 0 && random.Next(2) == 0 ? mangler.Text() : sense.Of(operation, parameter["schema"]!, name)?.ToString() ?? "";
            parts.Add($"{name}={Escaped(value)}");
            if (hostility > 1 && random.Next(10) == 0)
            {
                parts.Add($"{name}={random.Next(9)}");
            }
        }

        return parts.Count == 0 ? "" : $"?{string.Join('&', parts)}";
    }

    private static string Escaped(string value)
    {
        try
        {
            return Uri.EscapeDataString(value);
        }
        catch (UriFormatException)
        {
            return "%ED%A0%80";
        }
    }

    private static void AddBody(Attempt request, Operation operation, JsonNode schema, Random random, Sense sense, Mangler mangler, int hostility)
    {
        var good = sense.Of(operation, schema, "");
        if (operation.ContentType!.Contains("form", StringComparison.Ordinal))
        {
            request.Body = Encoding.UTF8.GetBytes(string.Join(
                '&', good!.AsObject().Select(m => $"{m.Key}={Escaped(hostility > 0 && random.Next(3) == 0 ? mangler.Text() : m.Value?.ToString() ?? "")}")));
        }
        else
        {
            request.Body = mangler.Mangle(good, hostility == 0 ? 0 : random.Next(1, hostility + 2));
        }

        request.ContentType = hostility > 1 && random.Next(15) == 0
            ? ((string[])
            [
                "text/plain", "application/json; charset=utf-16", "application/json; charset=\"UTF-8\"", "application/xml", "application/merge-patch+json", "x",
            ])[random.Next(6)]
            : operation.ContentType;
        if (hostility > 2 && random.Next(20) == 0)
        {
            request.ContentEncoding = random.Next(2) == 0 ? "gzip" : "br, identity";
        }
    }

    private async Task SendAsync(Attempt attempt, Operation? operation, Customer? caller, bool asOperator, bool isMeantWell = false)
    {
        var client = caller is null ? null : await SignedInAsync(caller);
        using var message = attempt.ToMessage(stage.Cluster.Of(attempt.Service)[0].Address);
        if (client is not null && message.Headers.Authorization is null)
        {
            message.Headers.Authorization = client.Authorization;
        }

        var began = Stopwatch.GetTimestamp();
        try
        {
            using var answer = await _http.SendAsync(message);
            var text = await answer.Content.ReadAsStringAsync();
            Interlocked.Increment(ref _sent);
            _answers.AddOrUpdate((int)answer.StatusCode, 1, (_, n) => n + 1);
            if (operation is not null)
            {
                _byOperation.AddOrUpdate((operation.ToString(), (int)answer.StatusCode), 1, (_, n) => n + 1);
                if (isMeantWell && !answer.IsSuccessStatusCode)
                {
                    _refusals[operation.ToString()] = text;
                }
            }

            if (Judge(attempt.Method, answer, text) is { } wrong)
            {
                Fail(attempt, asOperator, $"{wrong}: {text[..Math.Min(text.Length, 300)]}");
            }
            else if (answer.IsSuccessStatusCode && operation is not null)
            {
                Learn(operation, text, asOperator && attempt.Method != "POST");
            }
            else if (answer.StatusCode == HttpStatusCode.Unauthorized && caller is not null && !attempt.Headers.ContainsKey("Authorization"))
            {
                await SignedInAsync(caller, client);
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            Fail(attempt, asOperator, $"no answer after {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s: {e.Message}");
        }
    }

    /// <summary>Nobody, when signing in does not succeed: somebody may have deactivated the account meanwhile, and the next one is another.</summary>
    private static async Task<ShopClient?> SignedInAsync(Customer caller, ShopClient? refused = null)
    {
        try
        {
            return await caller.ClientAsync(refused);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static string? Judge(string method, HttpResponseMessage answer, string text)
    {
        var status = (int)answer.StatusCode;
        var type = answer.Content.Headers.ContentType?.MediaType;
        return status >= 500 ? $"{status}"
            : status >= 400 && method != "HEAD" && text.Length > 0 && type is not ("application/problem+json" or "application/json") ? $"{status} as {type}"
            : status < 300 && type == "application/json" && text.Length > 0 && !IsJson(text) ? "an answer that is no JSON"
            : null;
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var parsed = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>What is named from now on: of customers all that they see, of the operator only what it has made.</summary>
    private void Learn(Operation operation, string text, bool isOverview)
    {
        var resource = operation.Path.Split('/', StringSplitOptions.RemoveEmptyEntries).LastOrDefault(p => p[0] != '{' && p is not ("v1" or "me")) ?? "";
        if (text.Length == 0 || !text.StartsWith('{') || isOverview || operation.Path.Contains("/ops/", StringComparison.Ordinal) || !IsJson(text))
        {
            return;
        }

        var body = JsonNode.Parse(text)!.AsObject();
        foreach (var one in (body["items"] as JsonArray)?.OfType<JsonObject>().Take(20) ?? [body])
        {
            foreach (var (name, what) in ((string, string)[])[("id", resource), ("sku", "products"), ("email", "emails")])
            {
                if (one[name] is JsonValue id
                    && id.GetValueKind() == JsonValueKind.String
                    && (name != "sku" || id.ToString().StartsWith(Sense.SkuPrefix, StringComparison.OrdinalIgnoreCase)))
                {
                    Note(what, id.ToString());
                }
            }
        }
    }

    private void Note(string resource, string id) => _known.GetOrAdd(resource, _ => new KnownIds()).Add(id);

    /// <summary>Nobody answers where the fuzzer's webhooks go: they would be tried for days.</summary>
    private async Task TidyUpAsync()
    {
        foreach (var id in _known.GetValueOrDefault("webhooks")?.All ?? [])
        {
            await market.Operator.AskAsync(HttpMethod.Delete, "notifications", $"/v1/webhooks/{id}");
        }
    }

    // ── What has failed once ──────────────────────────────────────────────────────────────────────────────────────

    /// <summary>Requests that were answered as they must not be once, and may be again.</summary>
    private async Task ReplayCasesAsync()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(ShopCluster.Root, "tests", "Chaos", "Fuzz", "Cases"), "*.json").Order(StringComparer.Ordinal))
        {
            var attempt = JsonSerializer.Deserialize<Attempt>(await File.ReadAllTextAsync(file), JsonSerializerOptions.Web)!;
            foreach (var (caller, asOperator) in ((Customer?, bool)[])[(null, false), (_customers[0], false), (market.Operator, true)])
            {
                await SendAsync(attempt, operation: null, caller, asOperator);
            }
        }
    }

    private void Fail(Attempt attempt, bool asOperator, string wrong) =>
        _failures.Enqueue(
            $"{wrong}{Environment.NewLine}      {(asOperator ? "operator" : "customer")}: {JsonSerializer.Serialize(attempt, JsonSerializerOptions.Web)}");
}
