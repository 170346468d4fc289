using Chassis.Testing;
using Notifications.Tests.Support;

namespace Notifications.Tests;

public sealed class ForgedMessagesTests(NotificationsFixture service)
{
    [Fact]
    public async Task No_endpoint_believes_what_its_sender_may_not_say() => (await ForgedMessages.MustBeRefusedAsync(service)).ShouldNotBeEmpty();
}
