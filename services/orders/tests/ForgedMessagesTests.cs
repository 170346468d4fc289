using Chassis.Testing;

namespace Orders.Tests;

public sealed class ForgedMessagesTests(OrdersFixture service)
{
    [Fact]
    public async Task No_endpoint_believes_what_its_sender_may_not_say() => (await ForgedMessages.MustBeRefusedAsync(service)).ShouldNotBeEmpty();
}
