using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Shop.Cluster;

namespace Shop.Chaos.Load;

/// <summary>Customers who keep ordering: a seeded mix of everything that an order can meet.</summary>
public sealed partial class Market : IDisposable
{
    private const string Password = "correct horse battery staple";
    private const string Scarce = "scarce";
    private const int Concurrency = 12;
    private const int Customers = 12;
    private const double RepeatedShare = 0.1;

    /// <summary>In hundredths of the orders.</summary>
    private static readonly (OrderKind Kind, int Share)[] Mix =
    [
        (OrderKind.Ships, 52), (OrderKind.OutOfStock, 8), (OrderKind.Declined, 8), (OrderKind.SlowCard, 4),
        (OrderKind.FlakyCard, 6), (OrderKind.CaptureFails, 2), (OrderKind.CancelledInFlight, 8), (OrderKind.OwnerDeactivated, 2), (OrderKind.OwnerErased, 2),
        (OrderKind.ConfirmsPayment, 3), (OrderKind.AbandonsPayment, 1), (OrderKind.ProcessingCard, 2), (OrderKind.ProcessingDeclined, 1),
        (OrderKind.StoredErrorCard, 1),
    ];

    /// <summary>The share of a run in which payments are abandoned: what waits for their deadline shall not lengthen it.</summary>
    private const double AbandoningShare = 0.7;

    private readonly Stage _stage;
    private readonly ShopCluster _cluster;
    private readonly TimeSpan _patience;
    private readonly int _lastAbandoning;
    private readonly Random _random;
    private readonly List<Customer> _customers = [];
    private readonly Dictionary<string, Customer> _operators;
    private readonly ConcurrentDictionary<Guid, string?> _tenants = new();
    private readonly ConcurrentDictionary<Guid, bool> _strangers = new();
    private readonly ConcurrentQueue<PlacedOrder> _placed = new();
    private readonly ConcurrentQueue<string> _refusals = new();
    private readonly (OrderKind Kind, int Share)[] _mix;
    private readonly ConcurrentQueue<string> _registered = new();
    private readonly ConcurrentQueue<Guid> _leavers = new();
    private readonly ConcurrentQueue<Guid> _drafts = new();
    private readonly string[] _skus = [.. Enumerable.Range(1, 12).Select(n => $"item-{n:00}")];
    private int _drawn;
    private int _attempted;
    private int _underWay;
    private int _abandoned;
    private int _disposable;

    private Market(Stage stage, RunSettings settings, TimeSpan patience)
    {
        this._stage = stage;
        _cluster = stage.Cluster;
        this._patience = patience;
        _lastAbandoning = (int)(settings.Orders * AbandoningShare);
        _random = new Random(settings.Seed);
        _mix = [.. Mix.Where(m => settings.OrderKinds.Count == 0 || settings.OrderKinds.Contains(m.Kind))];
        Operator = new Customer(() => ShopClient.OperatorAsync(_cluster), tenantId: null, patience);
        _operators = Tenants.Named.ToDictionary(t => t, t => new Customer(() => ShopClient.OfClientAsync(_cluster, t, Tenants.SecretOf(t)), t, patience));
    }

    /// <summary>The operator of the installation.</summary>
    public Customer Operator { get; }

    /// <summary>Everybody who was registered, with their tenant.</summary>
    public IReadOnlyDictionary<Guid, string?> TenantOf => _tenants;

    /// <summary>Those whose orders nobody here keeps a list of. Where there are any, the operator buys as one of them; else nobody may.</summary>
    public IReadOnlySet<Guid> Strangers => _strangers.IsEmpty ? new HashSet<Guid>() : _strangers.Keys.Append(Operator.UserId).ToHashSet();

    /// <summary>Every order that was acknowledged.</summary>
    public IReadOnlyCollection<PlacedOrder> Placed => _placed;

    /// <summary>Answers that a customer with valid requests should not have got.</summary>
    public IReadOnlyCollection<string> Refusals => _refusals;

    public int Attempted => _attempted;

    /// <summary>Orders of which customers are still about to place them, or to do what follows.</summary>
    public int UnderWay => _underWay;

    /// <summary>Orders whose customer's patience ended without an answer.</summary>
    public int Abandoned => _abandoned;

    /// <summary>Customers whose deactivation was acknowledged.</summary>
    public IReadOnlyCollection<Guid> Leavers => _leavers;

    /// <summary>What customers began and did not submit.</summary>
    public IReadOnlyCollection<Guid> Drafts => _drafts;

    /// <summary>Addresses of everybody who was registered.</summary>
    public IReadOnlyCollection<string> Registered => _registered;

    public IReadOnlyList<string> Skus => [.. _skus, Scarce];

    /// <summary>Registers customers, stocks the shelves, and waits until the orders service has heard of the products.</summary>
    public static async Task<Market> OpenAsync(Stage stage, RunSettings settings, TimeSpan patience)
    {
        var market = new Market(stage, settings, patience);
        foreach (var sku in market.Skus)
        {
            await market.StockAsync(sku, quantity: sku == Scarce ? 0 : settings.Orders * 3);
        }

        for (var i = 0; i < Customers; i++)
        {
            market._customers.Add(await market.RegisterAsync($"customer-{i}", Tenants.All[i % Tenants.All.Count]));
        }

        await market.WaitForCatalogueAsync();
        return market;
    }

    // However long the first requests take, and however short a token lives.
    private async Task StockAsync(string sku, int quantity)
    {
        await AddAsync("/v1/products", new { sku, name = $"Product {sku}", price = new { amount = "19.99", currency = "EUR" } });
        if (quantity > 0)
        {
            await AddAsync($"/v1/products/{sku}/receipts", new { quantity, reference = "initial stock" });
        }

        async Task AddAsync(string path, object body)
        {
            if (await Operator.AskAsync(HttpMethod.Post, "inventory", path, body, Guid.NewGuid().ToString()) is not { Status: HttpStatusCode.Created })
            {
                throw new InvalidOperationException($"{path} was not answered as it should be.");
            }
        }
    }

    /// <summary>Places a number of orders, a few at a time, and does what each kind asks for afterwards.</summary>
    public Task WaveAsync(int count, int atOnce = Concurrency)
    {
        var orders = Enumerable.Range(0, count).Select(_ => Draw()).ToArray();   // drawn first, so that the seed decides and not the scheduling
        Interlocked.Add(ref _underWay, count);
        return Parallel.ForEachAsync(orders, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (order, _) => await PlaceOneAsync(order));
    }

    public void Dispose()
    {
        Operator.Dispose();
        foreach (var customer in _customers.Concat(_operators.Values))
        {
            customer.Dispose();
        }

        _bank.Dispose();
    }

    private async Task PlaceOneAsync(Wanted wanted)
    {
        try
        {
            await PlaceAsync(wanted);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private Wanted Draw()
    {
        var dice = _random.Next(_mix.Sum(m => m.Share));
        var kind = _mix.First(m => (dice -= m.Share) < 0).Kind;
        return Draw(++_drawn > _lastAbandoning && kind == OrderKind.AbandonsPayment && _mix.Length > 1 ? OrderKind.ConfirmsPayment : kind);
    }

    private Wanted Draw(OrderKind kind)
    {
        var customer = _customers[_random.Next(_customers.Count)];
        return new Wanted(
            kind,
            kind == OrderKind.OutOfStock ? Scarce : _skus[_random.Next(_skus.Length)],
            _random.Next(1, 4),
            customer,
            Operator: _random.Next(2) == 0 ? OperatorOf(customer.TenantId) : Operator,
            Key: new Guid(Bytes(16)).ToString(),
            Repeat: _random.NextDouble() < RepeatedShare,
            Pause: TimeSpan.FromMilliseconds(_random.Next(0, 400)));
    }

    private Customer OperatorOf(string? tenantId) => tenantId is null ? Operator : _operators[tenantId];

    private async Task PlaceAsync(Wanted wanted)
    {
        Interlocked.Increment(ref _attempted);
        var person = wanted.Kind == OrderKind.OwnerErased ? await MeetAsync(wanted) : null;
        var customer = wanted.Kind switch
        {
            OrderKind.OwnerErased => person?.Customer,
            OrderKind.OwnerDeactivated => await TryRegisterAsync($"leaver-{Interlocked.Increment(ref _disposable)}", wanted.Customer.TenantId),
            _ => wanted.Customer,
        };
        if (customer is null)
        {
            Interlocked.Increment(ref _abandoned);
            return;
        }

        var body = person is null ? ShopClient.OrderBody(PaymentMethodOf(wanted.Kind), (wanted.Sku, wanted.Quantity)) : BodyOf(wanted, person);
        if (await OrderAsync(wanted, customer, body) is { } order)
        {
            await FollowAsync(order, wanted, customer, person, body);
        }
    }

    private async Task<PlacedOrder?> OrderAsync(Wanted wanted, Customer customer, object body)
    {
        if (await customer.AskAsync(HttpMethod.Post, "orders", "/v1/orders", body, wanted.Key) is not { } answer)
        {
            Interlocked.Increment(ref _abandoned);
            return null;
        }

        if (answer.Status != HttpStatusCode.Created)
        {
            _refusals.Enqueue($"{wanted.Kind}: {(int)answer.Status} {answer.Body}");
            return null;
        }

        var id = JsonSerializer.Deserialize<JsonElement>(answer.Body).GetProperty("id").GetGuid();
        var order = new PlacedOrder(id, customer.UserId, customer.TenantId, wanted.Kind, wanted.Sku, wanted.Quantity, wanted.Key, answer.Body);
        _placed.Enqueue(order);
        return order;
    }

    private async Task FollowAsync(PlacedOrder order, Wanted wanted, Customer customer, Person? person, object body)
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
                await (wanted.CancelledByOperator ? wanted.Operator : customer).AskAsync(
                    HttpMethod.Post, "orders", $"/v1/orders/{order.Id}/cancel", new { reason = "changed my mind" }, order.IdempotencyKey + "-cancel");
                break;
            case OrderKind.OwnerDeactivated:
                await Task.Delay(wanted.Pause);
                await LeaveAsync(order, customer, wanted.Operator);
                break;
            case OrderKind.OwnerErased:
                await Task.Delay(wanted.Pause);
                await BeginDraftAsync(order, customer);
                await EraseAsync(person!, wanted.Operator);
                break;
            case OrderKind.ConfirmsPayment:
                await ConfirmPaymentAsync(order, customer, wanted.Pause);
                break;
        }
    }

    /// <summary>The customer begins one more order, does not submit it, and is deactivated.</summary>
    private async Task LeaveAsync(PlacedOrder order, Customer customer, Customer by)
    {
        await BeginDraftAsync(order, customer);
        var answer = await by.AskAsync(
            HttpMethod.Post, "users", $"/v1/users/{order.UserId}/deactivate", new { reason = "asked to leave" }, order.IdempotencyKey + "-leave");
        if (answer is { } left && (int)left.Status is >= 200 and < 300)
        {
            _leavers.Enqueue(order.UserId);
        }

        customer.Dispose();
    }

    private static string PaymentMethodOf(OrderKind kind) => kind switch
    {
        OrderKind.Declined => "pm_card_declined",
        OrderKind.SlowCard or OrderKind.OwnerDeactivated or OrderKind.OwnerErased => "pm_card_slow",
        OrderKind.ConfirmsPayment or OrderKind.AbandonsPayment => "pm_card_authentication_required",
        OrderKind.ProcessingCard => "pm_card_processing_succeeds",
        OrderKind.ProcessingDeclined => "pm_card_processing_fails",
        OrderKind.StoredErrorCard => "pm_card_stored_error",
        OrderKind.FlakyCard => "pm_card_flaky",
        OrderKind.CaptureFails => "pm_card_capture_fails",
        _ => "pm_card_visa",
    };

    private async Task<Customer?> TryRegisterAsync(string name, string? tenantId, string? fullName = null)
    {
        try
        {
            return await RegisterAsync(name, tenantId, fullName);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A customer gets the tenant of whoever registers them.</summary>
    private async Task<Customer> RegisterAsync(string name, string? tenantId, string? fullName = null)
    {
        var email = $"{name}@example.com";
        var body = new { email, password = Password, fullName = fullName ?? name };
        var answer = await OperatorOf(tenantId).AskAsync(HttpMethod.Post, "users", "/v1/users", body, "register-" + name);
        if (answer is not { Status: HttpStatusCode.Created })
        {
            throw new InvalidOperationException($"{email} could not be registered: {answer}");
        }

        if (fullName is null)
        {
            _registered.Enqueue(email);   // whoever is going to be erased may be so before the welcome
        }

        var customer = new Customer(() => ShopClient.SignInAsync(_cluster, email, Password), tenantId, _patience);
        await customer.ClientAsync();
        _tenants[customer.UserId] = tenantId;
        return customer;
    }

    /// <summary>
    /// Somebody whom no tenant's operator has registered, and whom the market does not send to buy; somebody else as soon as the account is closed.
    /// </summary>
    public Customer Stranger()
    {
        string? email = null;
        return new Customer(SignInAsync, tenantId: null, TimeSpan.FromMinutes(1));

        async Task<ShopClient> SignInAsync()
        {
            try
            {
                return email is null ? await RegisterAsync() : await ShopClient.SignInAsync(_cluster, email, Password);
            }
            catch (HttpRequestException)
            {
                return await RegisterAsync();
            }
        }

        async Task<ShopClient> RegisterAsync()
        {
            var client = await ShopClient.RegisterAsync(_cluster, "stranger");
            _strangers[client.UserId] = true;
            email = (await client.GetAsync("users", "/v1/users/me")).GetProperty("email").GetString();
            return client;
        }
    }

    private async Task WaitForCatalogueAsync()
    {
        foreach (var sku in Skus)
        {
            await Chassis.Testing.Poll.UntilAsync(
                async () => await _customers[0].AskAsync(HttpMethod.Post, "orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } }),
                draft => draft?.Status == HttpStatusCode.Created,
                $"the orders service to know the product {sku}",
                TimeSpan.FromSeconds(60));
        }
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
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
