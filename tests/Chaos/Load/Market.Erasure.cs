using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Chassis.Testing;
using Npgsql;
using RabbitMQ.Client.Exceptions;
using Shop.Chaos.Faults;
using Shop.Cluster;

namespace Shop.Chaos.Load;

/// <summary>Customers who ask to be forgotten while their order is under way.</summary>
public sealed partial class Market
{
    private static readonly TimeSpan Collection = TimeSpan.FromSeconds(15);

    private readonly ConcurrentQueue<Person> _erased = new();
    private readonly ConcurrentDictionary<Guid, bool> _leaving = new();
    private int _persons;

    /// <summary>Whose erasure was acknowledged.</summary>
    public IReadOnlyCollection<Person> Erased => _erased;

    /// <summary>Everybody for whom an erasure was asked, with or without an answer.</summary>
    public IReadOnlyCollection<Guid> Leaving => [.. _leaving.Keys];

    /// <summary>A few people at once: registered, with dead letters about them, and each with an order; they are still to be erased.</summary>
    public async Task<IReadOnlyList<Func<Task>>> GatherAsync(int count, Func<Task> beforeTheyOrder)
    {
        var wanted = Enumerable.Range(0, count).Select(_ => Draw(OrderKind.OwnerErased)).ToArray();
        var gathered = await Task.WhenAll(wanted.Select(async w => (Wanted: w, Person: await MeetAsync(w))));
        await beforeTheyOrder();
        var ordered = await Task.WhenAll(gathered.Where(g => g.Person is not null).Select(async g =>
            (g.Wanted, g.Person, Order: await OrderAsync(g.Wanted, g.Person!.Customer, BodyOf(g.Wanted, g.Person)))));
        return [.. ordered.Where(o => o.Order is not null).Select(o => (Func<Task>)(() => EraseAsync(o.Person!, o.Wanted.Operator)))];
    }

    /// <summary>
    /// Registers somebody, and has messages about them become dead letters, in every service that takes such: what an erasure must find, or, if the weather
    /// lets them arrive too late, the look for late traces. The same is put in about somebody else, in the words of the person. Null for who could not be
    /// registered.
    /// </summary>
    private async Task<Person?> MeetAsync(Wanted wanted)
    {
        var marker = "zq" + wanted.Key[..8];
        var number = Interlocked.Increment(ref _persons);
        var fullName = Person.Make(number, marker, wanted.Customer).FullName;
        if (await TryRegisterAsync(marker, wanted.Customer.TenantId, fullName) is not { } customer)
        {
            return null;
        }

        var person = Person.Make(number, marker, customer);
        try
        {
            var ids = await _stage.Poison.PlantAboutAsync(customer.UserId, person);
            await Poll.UntilAsync(
                async () => await _stage.DeadLettersAsync(ids) >= PoisonKit.LettersAboutAPerson, $"the dead letters about {marker}", Collection);
        }
        catch (Exception e) when (e is TimeoutException or NpgsqlException or BrokerUnreachableException or AlreadyClosedException
            or OperationInterruptedException or PublishException)
        {
            // The broker or a service is what is being hurt.
        }

        return person;
    }

    private static object BodyOf(Wanted wanted, Person person) =>
        ShopClient.OrderBody(PaymentMethodOf(wanted.Kind), person.Address, (wanted.Sku, wanted.Quantity));

    private async Task EraseAsync(Person person, Customer by)
    {
        var userId = person.Customer.UserId;
        _leaving[userId] = true;

        // Who gets no answer asks again, and finds nobody there any more.
        if (await by.AskAsync(HttpMethod.Delete, "users", $"/v1/users/{userId}") is { Status: HttpStatusCode.NoContent or HttpStatusCode.NotFound })
        {
            _erased.Enqueue(person);
            _leavers.Enqueue(userId);
        }

        person.Customer.Dispose();
    }

    private async Task BeginDraftAsync(PlacedOrder order, Customer customer)
    {
        var draft = new { items = new[] { new { sku = order.Sku, quantity = 1 } } };
        if (await customer.AskAsync(
            HttpMethod.Post, "orders", "/v1/orders", draft, order.IdempotencyKey + "-draft") is { Status: HttpStatusCode.Created } begun)
        {
            _drafts.Enqueue(JsonSerializer.Deserialize<JsonElement>(begun.Body).GetProperty("id").GetGuid());
        }
        else
        {
            Interlocked.Increment(ref _abandoned);
        }
    }
}
