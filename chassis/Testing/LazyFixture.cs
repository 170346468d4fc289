using Xunit;
using Xunit.v3;

namespace Chassis.Testing;

/// <summary>
/// A fixture that starts with the first test whose class takes it, so that a run of other tests needs nothing of what it needs. It starts as part of that test:
/// when something is missing, the tests that take it are skipped, which xunit grants to no <c>IAsyncLifetime</c> of a fixture.
/// </summary>
public abstract class LazyFixture : INotifyTestLifecycleAsync, IAsyncDisposable
{
    private const int MostLines = 40;

    private readonly Lazy<Task> _start;

    protected LazyFixture() => _start = new Lazy<Task>(() => Task.Run(async () => await InitializeAsync()));

    /// <summary>Starts it; called once, and by whoever makes one without xunit.</summary>
    public abstract ValueTask InitializeAsync();

    /// <summary>Ends whatever of it has started: all, a part, or nothing.</summary>
    public abstract ValueTask DisposeAsync();

    ValueTask INotifyTestLifecycleAsync.OnTestStartingAsync(IXunitTest test) =>
        test.TestMethod.TestClass.Constructors?.SelectMany(c => c.GetParameters()).Any(p => p.ParameterType == GetType()) == true
            ? new ValueTask(_start.Value)
            : ValueTask.CompletedTask;

    ValueTask INotifyTestLifecycleAsync.OnTestFinishedAsync(IXunitTest test)
    {
        if (_start.IsValueCreated && TestContext.Current is { TestState: { Result: TestResult.Failed } state, TestOutputHelper: { } output })
        {
            var start = TimeProvider.System.GetTimestamp() - (long)((double)(state.ExecutionTime ?? 0) * TimeProvider.System.TimestampFrequency);
            foreach (var line in ToBeSaidSince(start).SelectMany(said => said.Split('\n')).Take(MostLines))
            {
                output.WriteLine(line);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>What may be the reason that a test has failed; it is shown with the test.</summary>
    /// <param name="start">When the test began, by <see cref="TimeProvider.System"/>.</param>
    protected virtual IEnumerable<string> ToBeSaidSince(long start) => [];
}
