using Chassis.EventSourcing;
using Chassis.Messaging;
using Chassis.Messaging.Erasure;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orders.Domain;
using Orders.Features;
using Orders.Persistence;
using Orders.ReadModels;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Users.V1;

namespace Orders.Catalogue;

/// <summary>Keeps the local copies. Facts are ordered by the publisher's sequence, not by arrival.</summary>
internal sealed class CatalogueConsumer(OrdersDbContext db, LocalCatalogue catalogue, CancelOrdersOfCustomer cancelOrders, CatalogueMetrics metrics) :
    IConsumer<ProductAdded>, IConsumer<ProductPriceChanged>, IConsumer<ProductDiscontinued>,
    IConsumer<UserRegistered>, IConsumer<UserDeactivated>, IConsumer<UserReactivated>, IConsumer<UserErased>
{
    public const string Queue = "orders.catalogue";

    public async Task Consume(ConsumeContext<ProductAdded> context)
    {
        var (m, sequence) = (context.Message, Sequence(context, context.Message.AddedAt));
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO catalogue_products AS p (sku, name, name_sequence, price, currency, price_sequence, discontinued, state_sequence)
            VALUES ({m.Sku}, {m.Name}, {sequence}, {m.Price.Amount}, {m.Price.Currency}, {sequence}, false, {sequence})
            ON CONFLICT (sku) DO UPDATE SET
                name = CASE WHEN p.name_sequence < {sequence} THEN excluded.name ELSE p.name END,
                name_sequence = greatest(p.name_sequence, {sequence}),
                price = CASE WHEN p.price_sequence < {sequence} THEN excluded.price ELSE p.price END,
                currency = CASE WHEN p.price_sequence < {sequence} THEN excluded.currency ELSE p.currency END,
                price_sequence = greatest(p.price_sequence, {sequence}),
                discontinued = CASE WHEN p.state_sequence < {sequence} THEN false ELSE p.discontinued END,
                state_sequence = greatest(p.state_sequence, {sequence})
            """,
            context.CancellationToken);
        metrics.Applied(db, "products", m.AddedAt);
    }

    public async Task Consume(ConsumeContext<ProductPriceChanged> context)
    {
        var (m, sequence) = (context.Message, Sequence(context, context.Message.ChangedAt));
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO catalogue_products AS p (sku, price, currency, price_sequence) VALUES ({m.Sku}, {m.NewPrice.Amount}, {m.NewPrice.Currency}, {sequence})
            ON CONFLICT (sku) DO UPDATE SET price = excluded.price, currency = excluded.currency, price_sequence = excluded.price_sequence
            WHERE p.price_sequence < excluded.price_sequence
            """,
            context.CancellationToken);
        metrics.Applied(db, "products", m.ChangedAt);
    }

    public async Task Consume(ConsumeContext<ProductDiscontinued> context)
    {
        var (m, sequence) = (context.Message, Sequence(context, context.Message.DiscontinuedAt));
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO catalogue_products AS p (sku, discontinued, state_sequence) VALUES ({m.Sku}, true, {sequence})
            ON CONFLICT (sku) DO UPDATE SET discontinued = true, state_sequence = excluded.state_sequence WHERE p.state_sequence < excluded.state_sequence
            """,
            context.CancellationToken);
        metrics.Applied(db, "products", m.DiscontinuedAt);
    }

    public Task Consume(ConsumeContext<UserRegistered> context) =>
        SetStatusAsync(context, context.Message.UserId, CustomerStatus.Active, context.Message.RegisteredAt);

    public Task Consume(ConsumeContext<UserReactivated> context) =>
        SetStatusAsync(context, context.Message.UserId, CustomerStatus.Active, context.Message.ReactivatedAt);

    public async Task Consume(ConsumeContext<UserDeactivated> context)
    {
        await catalogue.LockStatusAsync(context.Message.UserId, context.CancellationToken);
        if (await SetStatusAsync(context, context.Message.UserId, CustomerStatus.Deactivated, context.Message.DeactivatedAt))
        {
            await cancelOrders.Handle(context.Message.UserId, "user_deactivated", context.CancellationToken);
        }
    }

    /// <summary>
    /// Forgets the person: orders under way are cancelled, and addresses and reasons of cancellations are gone from events, read models, archives and stored
    /// answers.
    /// </summary>
    public async Task Consume(ConsumeContext<UserErased> context)
    {
        var (userId, cancellationToken) = (context.Message.UserId, context.CancellationToken);
        await catalogue.LockStatusAsync(userId, cancellationToken);
        await SetStatusAsync(context, userId, CustomerStatus.Erased, context.Message.ErasedAt);
        await cancelOrders.Handle(userId, "user_erased", cancellationToken);
        await PersonalData.EraseAsync(db, userId, await OrdersProjection.OrdersOfAsync(db, userId, cancellationToken), cancellationToken);
        await PersonalDataKeys.DestroyAsync(db, userId.ToString(), cancellationToken);
        await OrdersProjection.ForgetAsync(db, userId, cancellationToken);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE fulfilments SET reason = {OrderState.ErasedReason} WHERE user_id = {userId} AND ending = 'cancelled' AND reason IS NOT NULL",
            cancellationToken);
        await Idempotency.ForgetAsync(db, userId, cancellationToken);
    }

    private async Task<bool> SetStatusAsync(ConsumeContext context, Guid userId, CustomerStatus status, DateTimeOffset at)
    {
        var (text, sequence) = (status.ToString().ToLowerInvariant(), Sequence(context, at));
        var rows = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO catalogue_users AS u (user_id, status, sequence) VALUES ({userId}, {text}, {sequence})
            ON CONFLICT (user_id) DO UPDATE SET status = excluded.status, sequence = excluded.sequence
            WHERE (u.sequence < excluded.sequence OR excluded.status = 'erased') AND u.status <> 'erased'
            """,
            context.CancellationToken);
        metrics.Applied(db, "users", at);
        return rows > 0;
    }

    // Every publisher of the system gives a sequence; an event that somebody put into the queue by hand is ordered by its time.
    private static long Sequence(ConsumeContext context, DateTimeOffset at) => context.EventSequence() ?? at.ToUnixTimeMilliseconds();
}
