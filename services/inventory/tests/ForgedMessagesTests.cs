using Chassis.Testing;

namespace Inventory.Tests;

public sealed class ForgedMessagesTests(InventoryFixture service)
{
    [Fact]
    public async Task No_endpoint_believes_what_its_sender_may_not_say() => (await ForgedMessages.MustBeRefusedAsync(service)).ShouldNotBeEmpty();
}
