using Xunit.v3;

namespace Chassis.Testing;

/// <summary>
/// A fixture that starts with the first test whose class takes it, so that a run of other tests needs nothing of what it needs. It starts as part of that test:
/// when something is missing, the tests that take it are skipped, which xunit grants to no <c>IAsyncLifetime</c> of a fixture.
/// </summary>
public abstract class LazyFixture : INotifyTestLifecycleAsync, IAsyncDisposable
{
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

    ValueTask INotifyTestLifecycleAsync.OnTestFinishedAsync(IXunitTest test) => ValueTask.CompletedTask;
}
