using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Shop.Cluster;

namespace Shop.Chaos.Load;

/// <summary>Customers who keep ordering: a seeded mix of everything that an order can meet.</summary>
public sealed class Market : IDisposable
{
    private const string Password = "correct horse battery staple";
    private const string Scarce = "scarce";
    private const int Concurrency = 12;
    private const int Customers = 12;
    private const double RepeatedShare = 0.1;

    /// <summary>In hundredths of the orders.</summary>
    private static readonly (OrderKind Kind, int Share)[] Mix =
    [
        (OrderKind.Ships, 62), (OrderKind.OutOfStock, 8), (OrderKind.Declined, 8), (OrderKind.SlowCard, 4),
        (OrderKind.FlakyCard, 6), (OrderKind.CaptureFails, 2), (OrderKind.CancelledInFlight, 8), (OrderKind.OwnerDeactivated, 2),
    ];

    private readonly ShopCluster cluster;
    private readonly TimeSpan patience;
    private readonly Random random;
    private readonly List<Customer> customers = [];
    private readonly Dictionary<string, Customer> operators;
    private readonly ConcurrentDictionary<Guid, string?> tenants = new();
    private readonly ConcurrentQueue<PlacedOrder> placed = new();
    private readonly ConcurrentQueue<string> refusals = new();
    private readonly (OrderKind Kind, int Share)[] mix;
    private readonly ConcurrentQueue<string> registered = new();
    private readonly ConcurrentQueue<Guid> leavers = new();
    private readonly ConcurrentQueue<Guid> drafts = new();
    private readonly string[] skus = [.. Enumerable.Range(1, 12).Select(n => $"item-{n:00}")];
    private int attempted;
    private int abandoned;
    private int disposable;

    private Market(ShopCluster cluster, RunSettings settings, TimeSpan patience)
    {
        this.cluster = cluster;
        this.patience = patience;
        random = new Random(settings.Seed);
        mix = [.. Mix.Where(m => settings.OrderKinds.Count == 0 || settings.OrderKinds.Contains(m.Kind))];
        Operator = new Customer(() => ShopClient.OperatorAsync(cluster), tenantId: null, patience);
        operators = Tenants.Named.ToDictionary(t => t, t => new Customer(() => ShopClient.OfClientAsync(cluster, t, Tenants.SecretOf(t)), t, patience));
    }

    /// <summary>The operator of the installation.</summary>
    public Customer Operator { get; }

    /// <summary>Everybody who was registered, with their tenant.</summary>
    public IReadOnlyDictionary<Guid, string?> TenantOf => tenants;

    /// <summary>Every order that was acknowledged.</summary>
    public IReadOnlyCollection<PlacedOrder> Placed => placed;

    /// <summary>Answers that a customer with valid requests should not have got.</summary>
    public IReadOnlyCollection<string> Refusals => refusals;

    public int Attempted => attempted;

    /// <summary>Orders whose customer's patience ended without an answer.</summary>
    public int Abandoned => abandoned;

    /// <summary>Customers whose deactivation was acknowledged.</summary>
    public IReadOnlyCollection<Guid> Leavers => leavers;

    /// <summary>What customers began and did not submit.</summary>
    public IReadOnlyCollection<Guid> Drafts => drafts;

    /// <summary>Addresses of everybody who was registered.</summary>
    public IReadOnlyCollection<string> Registered => registered;

    public IReadOnlyList<string> Skus => [.. skus, Scarce];

    /// <summary>Registers customers, stocks the shelves, and waits until the orders service has heard of the products.</summary>
    public static async Task<Market> OpenAsync(ShopCluster cluster, RunSettings settings, TimeSpan patience)
    {
        var market = new Market(cluster, settings, patience);
        var shop = await market.Operator.ClientAsync();
        foreach (var sku in market.skus)
        {
            await shop.StockAsync(sku, quantity: settings.Orders * 3);
        }

        await shop.StockAsync(Scarce, quantity: 0);
        for (var i = 0; i < Customers; i++)
        {
            market.customers.Add(await market.RegisterAsync($"customer-{i}", Tenants.All[i % Tenants.All.Count]));
        }

        await market.WaitForCatalogueAsync();
        return market;
    }

    /// <summary>Places a number of orders, a few at a time, and does what each kind asks for afterwards.</summary>
    public Task WaveAsync(int count)
    {
        var orders = Enumerable.Range(0, count).Select(_ => Draw()).ToArray();   // drawn first, so that the seed decides and not the scheduling
        return Parallel.ForEachAsync(orders, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (order, _) => await PlaceAsync(order));
    }

    public void Dispose()
    {
        Operator.Dispose();
        foreach (var customer in customers.Concat(operators.Values))
        {
            customer.Dispose();
        }
    }

    private Wanted Draw()
    {
        var dice = random.Next(mix.Sum(m => m.Share));
        var kind = mix.First(m => (dice -= m.Share) < 0).Kind;
        var customer = customers[random.Next(customers.Count)];
        return new Wanted(
            kind,
            kind == OrderKind.OutOfStock ? Scarce : skus[random.Next(skus.Length)],
            random.Next(1, 4),
            customer,
            Operator: random.Next(2) == 0 ? OperatorOf(customer.TenantId) : Operator,
            Key: new Guid(Bytes(16)).ToString(),
            Repeat: random.NextDouble() < RepeatedShare,
            Pause: TimeSpan.FromMilliseconds(random.Next(0, 400)));
    }

    private Customer OperatorOf(string? tenantId) => tenantId is null ? Operator : operators[tenantId];

    private async Task PlaceAsync(Wanted wanted)
    {
        Interlocked.Increment(ref attempted);
        var customer = wanted.Kind == OrderKind.OwnerDeactivated ? await TryRegisterAsync(wanted.Customer.TenantId) : wanted.Customer;
        if (customer is null)
        {
            Interlocked.Increment(ref abandoned);
            return;
        }

        var body = ShopClient.OrderBody(PaymentMethodOf(wanted.Kind), (wanted.Sku, wanted.Quantity));
        if (await customer.AskAsync(HttpMethod.Post, "orders", "/v1/orders", body, wanted.Key) is not { } answer)
        {
            Interlocked.Increment(ref abandoned);
            return;
        }

        if (answer.Status != HttpStatusCode.Created)
        {
            refusals.Enqueue($"{wanted.Kind}: {(int)answer.Status} {answer.Body}");
            return;
        }

        var id = JsonSerializer.Deserialize<JsonElement>(answer.Body).GetProperty("id").GetGuid();
        var order = new PlacedOrder(id, customer.UserId, customer.TenantId, wanted.Kind, wanted.Sku, wanted.Quantity, wanted.Key, answer.Body);
        placed.Enqueue(order);
        await FollowAsync(order, wanted, customer, body);
    }

    private async Task FollowAsync(PlacedOrder order, Wanted wanted, Customer customer, object body)
    {
        if (wanted.Repeat && await customer.AskAsync(HttpMethod.Post, "orders", "/v1/orders", body, wanted.Key) is { } again
            && (again.Status != HttpStatusCode.Created || again.Body != order.Answer || !again.Replayed))
        {
            order.WrongReplays.Add(string.Create(CultureInfo.InvariantCulture, $"{(int)again.Status} replayed={again.Replayed} {again.Body}"));
        }

        switch (order.Kind)
        {
            case OrderKind.CancelledInFlight:
                await Task.Delay(wanted.Pause);
                await (wanted.CancelledByOperator ? wanted.Operator : customer).AskAsync(HttpMethod.Post, "orders", $"/v1/orders/{order.Id}/cancel", new { reason = "changed my mind" }, order.IdempotencyKey + "-cancel");
                break;
            case OrderKind.OwnerDeactivated:
                await Task.Delay(wanted.Pause);
                await LeaveAsync(order, customer, wanted.Operator);
                break;
        }
    }

    /// <summary>The customer begins one more order, does not submit it, and is deactivated.</summary>
    private async Task LeaveAsync(PlacedOrder order, Customer customer, Customer by)
    {
        var draft = new { items = new[] { new { sku = order.Sku, quantity = 1 } } };
        if (await customer.AskAsync(HttpMethod.Post, "orders", "/v1/orders", draft, order.IdempotencyKey + "-draft") is { Status: HttpStatusCode.Created } begun)
        {
            drafts.Enqueue(JsonSerializer.Deserialize<JsonElement>(begun.Body).GetProperty("id").GetGuid());
        }
        else
        {
            Interlocked.Increment(ref abandoned);
        }

        var answer = await by.AskAsync(
            HttpMethod.Post, "users", $"/v1/users/{order.UserId}/deactivate", new { reason = "asked to leave" }, order.IdempotencyKey + "-leave");
        if (answer is { } left && (int)left.Status is >= 200 and < 300)
        {
            leavers.Enqueue(order.UserId);
        }

        customer.Dispose();
    }

    private static string PaymentMethodOf(OrderKind kind) => kind switch
    {
        OrderKind.Declined => "pm_card_declined",
        OrderKind.SlowCard or OrderKind.OwnerDeactivated => "pm_card_slow",
        OrderKind.FlakyCard => "pm_card_flaky",
        OrderKind.CaptureFails => "pm_card_capture_fails",
        _ => "pm_card_visa",
    };

    private async Task<Customer?> TryRegisterAsync(string? tenantId)
    {
        try
        {
            return await RegisterAsync($"leaver-{Interlocked.Increment(ref disposable)}", tenantId);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A customer gets the tenant of whoever registers them.</summary>
    private async Task<Customer> RegisterAsync(string name, string? tenantId)
    {
        var email = $"{name}@example.com";
        var answer = await OperatorOf(tenantId).AskAsync(HttpMethod.Post, "users", "/v1/users", new { email, password = Password, fullName = name }, "register-" + name);
        if (answer is not { Status: HttpStatusCode.Created })
        {
            throw new InvalidOperationException($"{email} could not be registered: {answer}");
        }

        registered.Enqueue(email);
        var customer = new Customer(() => ShopClient.SignInAsync(cluster, email, Password), tenantId, patience);
        await customer.ClientAsync();
        tenants[customer.UserId] = tenantId;
        return customer;
    }

    private async Task WaitForCatalogueAsync()
    {
        var shop = await customers[0].ClientAsync();
        foreach (var sku in Skus)
        {
            await Chassis.Testing.Poll.Until(
                async () =>
                {
                    using var draft = await shop.SendAsync(HttpMethod.Post, "orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } });
                    return draft.StatusCode == HttpStatusCode.Created;
                },
                $"the orders service to know the product {sku}");
        }
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <param name="Kind">What it is meant to meet.</param>
    /// <param name="Sku">What is ordered.</param>
    /// <param name="Quantity">How many of it.</param>
    /// <param name="Customer">Who orders; where the order needs a customer of its own, somebody of the same tenant does.</param>
    /// <param name="Operator">Who acts where an operator must: one of the customer's tenant or of the installation.</param>
    /// <param name="Key">The idempotency key.</param>
    /// <param name="Repeat">Whether the request is made again.</param>
    /// <param name="Pause">How long after the order what happens to it happens.</param>
    private sealed record Wanted(OrderKind Kind, string Sku, int Quantity, Customer Customer, Customer Operator, string Key, bool Repeat, TimeSpan Pause)
    {
        public bool CancelledByOperator => Key[0] < '8';   // half of them
    }
}
