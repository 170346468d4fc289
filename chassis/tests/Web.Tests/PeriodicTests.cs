using Chassis.Data;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Web.Tests;

/// <summary>What is done again and again.</summary>
public sealed class Periodic_work
{
    [Fact]
    public async Task Goes_on_whatever_goes_wrong()
    {
        var clock = new FakeTimeProvider();
        using var work = new Troubled(clock);
        await work.StartAsync(TestContext.Current.CancellationToken);

        await Chassis.Testing.Poll.UntilAsync(
            () =>
            {
                clock.Advance(Troubled.Pause);
                return work.Times >= 3;
            },
            "it to be done three times");

        work.ExecuteTask!.IsCompleted.ShouldBeFalse();
        await work.StopAsync(TestContext.Current.CancellationToken);
        work.ExecuteTask.IsCompletedSuccessfully.ShouldBeTrue();
    }

    private sealed class Troubled(TimeProvider clock) : PeriodicService(clock, NullLogger.Instance)
    {
        public static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

        public int Times { get; private set; }

        protected override TimeSpan Interval => Pause;

        protected override Task RunOnceAsync(CancellationToken ct) =>
            ++Times % 2 == 1 ? throw new InvalidOperationException("A row that nobody has thought of.") : throw new TimeoutException();
    }
}
