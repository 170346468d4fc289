using System.Collections.Concurrent;
using Chassis.Messaging;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Notifications.Tests.Support;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

/// <summary>In which order the queue of the webhooks is bound anew when a process starts, while nobody has asked for anything.</summary>
public sealed class BindingsTests(BindingsTests.Alone service) : IClassFixture<BindingsTests.Alone>
{
    [Fact]
    public async Task Nothing_is_left_before_the_service_is_bound_to_all_else_and_what_is_left_is_ignored_first()
    {
        var broker = new RecordedBroker();
        using var bindings = new WebhookBindings(
            service.Services.GetRequiredService<IServiceScopeFactory>(), broker, TimeProvider.System, NullLogger<WebhookBindings>.Instance);
        await bindings.StartAsync(CancellationToken.None);
        try
        {
            await Poll.UntilAsync(() => broker.Asked >= 3, "it to have asked whether all else is bound, and again");
            broker.Calls.ShouldBeEmpty();

            broker.OthersAreBound = true;
            await Poll.UntilAsync(() => broker.Calls.Count >= 2, "it to leave what nobody asks for");
            broker.Calls.ShouldBe(["ignore shop.#: True", "leave shop.#"]);
        }
        finally
        {
            await bindings.StopAsync(CancellationToken.None);
        }
    }

    public sealed class Alone : NotificationsFixture;

    private sealed class RecordedBroker : IChangingSubscriptions
    {
        private volatile bool _othersAreBound;
        private int _asked;

        public ConcurrentQueue<string> Calls { get; } = [];

        public int Asked => Volatile.Read(ref _asked);

        public bool OthersAreBound
        {
            get
            {
                Interlocked.Increment(ref _asked);
                return _othersAreBound;
            }

            set => _othersAreBound = value;
        }

        public Task TakeAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct) => Note($"take {string.Join(' ', patterns)}");

        public Task LeaveAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct) => Note($"leave {string.Join(' ', patterns)}");

        public Task IgnoreAsync(string exchange, string pattern, bool ignored, CancellationToken ct) => Note($"ignore {pattern}: {ignored}");

        private Task Note(string call)
        {
            Calls.Enqueue(call);
            return Task.CompletedTask;
        }
    }
}
