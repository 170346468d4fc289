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
    private readonly ConcurrentQueue<Person> erased = new();
    private int persons;

    /// <summary>Whose erasure was acknowledged.</summary>
    public IReadOnlyCollection<Person> Erased => erased;

    /// <summary>A few people at once: registered, with dead letters about them, and each with an order; they are still to be erased.</summary>
    public async Task<IReadOnlyList<Func<Task>>> GatherAsync(int count, Func<Task> beforeTheyOrder)
    {
        var wanted = Enumerable.Range(0, count).Select(_ => Draw(OrderKind.OwnerErased)).ToArray();
        var gathered = await Task.WhenAll(wanted.Select(async w => (Wanted: w, Person: await MeetAsync(w))));
        await beforeTheyOrder();
        var placedNow = await Task.WhenAll(gathered.Where(g => g.Person is not null).Select(async g => (g.Wanted, g.Person, Order: await OrderAsync(g.Wanted, g.Person!.Customer, BodyOf(g.Wanted, g.Person)))));
        return [.. placedNow.Where(p => p.Order is not null).Select(p => (Func<Task>)(() => EraseAsync(p.Order!.UserId, p.Person!, p.Wanted.Operator)))];
    }

    /// <summary>
    /// Registers somebody, and has messages about them become dead letters, in every service that takes such: what an erasure must find. The same is put in about somebody
    /// else, in the words of the person. Null when that was not possible in this weather.
    /// </summary>
    private async Task<Person?> MeetAsync(Wanted wanted)
    {
        var marker = "zq" + wanted.Key[..8];
        var number = Interlocked.Increment(ref persons);
        var fullName = Person.Make(number, marker, wanted.Customer).FullName;
        if (await TryRegisterAsync(marker, wanted.Customer.TenantId, fullName) is not { } customer)
        {
            return null;
        }

        var person = Person.Make(number, marker, customer);
        try
        {
            var ids = await stage.Poison.PlantAboutAsync(customer.UserId, person);
            await Poll.Until(async () => await stage.DeadLettersAsync(ids) >= PoisonKit.LettersAboutAPerson, $"the dead letters about {marker}", patience);
            return person;
        }
        catch (Exception e) when (e is TimeoutException or NpgsqlException or BrokerUnreachableException or AlreadyClosedException or OperationInterruptedException or PublishException)
        {
            return null;
        }
    }

    private static object BodyOf(Wanted wanted, Person person) => ShopClient.OrderBody(PaymentMethodOf(wanted.Kind), person.Address, (wanted.Sku, wanted.Quantity));

    private async Task EraseAsync(Guid userId, Person person, Customer by)
    {
        // Who gets no answer asks again, and finds nobody there any more.
        if (await by.AskAsync(HttpMethod.Delete, "users", $"/v1/users/{userId}") is { Status: HttpStatusCode.NoContent or HttpStatusCode.NotFound })
        {
            erased.Enqueue(person);
            leavers.Enqueue(userId);
        }

        person.Customer.Dispose();
    }

    private async Task BeginDraftAsync(PlacedOrder order, Customer customer)
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
    }
}
