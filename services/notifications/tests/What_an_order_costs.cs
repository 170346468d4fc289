using Chassis.Testing;
using Notifications.Tests.Support;
using Shop.Contracts.Orders.V1;

namespace Notifications.Tests;

/// <summary>
/// The units that an order is made of in this service, while nobody else orders and no webhook asks for anything: together with others it costs less.
/// </summary>
public sealed class What_an_order_costs(What_an_order_costs.Alone service) : IClassFixture<What_an_order_costs.Alone>
{
    [Fact]
    public async Task That_is_confirmed_and_shipped()
    {
        var user = await service.Register();
        using var meter = new CostMeter();
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId), trace: meter.Parent);
        await service.MailsTo(user.Email, 2);
        await service.Broker.Publish(
            new OrderShipped(Guid.CreateVersion7(), user.UserId, Guid.CreateVersion7(), "DHL", "TRACK-42", DateTimeOffset.UtcNow), trace: meter.Parent);
        await service.MailsTo(user.Email, 3);

        // Each is one batch, which is one transaction: the lock on the person, and the mail; then how sending it ended. Claiming belongs to no trace.
        await meter.HeardAsync(commits: 0, roundTrips: 4);
        (meter.RoundTrips, meter.Statements).ShouldBe((4, 6), $"round trips, statements; the round trips:\n{meter}");
    }

    public sealed class Alone : NotificationsFixture;
}
