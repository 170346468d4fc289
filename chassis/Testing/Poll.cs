using Xunit;

namespace Chassis.Testing;

/// <summary>Waits for something to become true, and says what it waited for, and what there is instead, when it does not.</summary>
public static class Poll
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Limits are written for a machine that does nothing else. A test waits several times as long, since it must not fail because the machine is busy; a run
    /// that measures, such as chaos, takes them as they are.
    /// </summary>
    private static double Generosity => IsTest ? 6 : 1;

    private static bool IsTest => TestContext.Current.TestAssembly is not null;

    /// <summary>Asks again and again until the answer is not null.</summary>
    /// <param name="probe">What to ask.</param>
    /// <param name="waitingFor">Completes the sentence "Waited for …".</param>
    /// <param name="timeout">Default 20 s.</param>
    public static async Task<T> UntilAsync<T>(Func<Task<T?>> probe, string waitingFor, TimeSpan? timeout = null)
        where T : class
    {
        T? last = null;
        await UntilAsync(async () => (last = await probe()) is not null, waitingFor, timeout);
        return last!;
    }

    /// <summary>Asks again and again until the answer satisfies the condition; the last answer is in the message when it never does.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> probe, Func<T, bool> condition, string waitingFor, TimeSpan? timeout = null)
    {
        T? last = default;
        await UntilAsync(async () => condition(last = await probe()), waitingFor, timeout, () => last);
        return last!;
    }

    public static Task UntilAsync(Func<bool> condition, string waitingFor, TimeSpan? timeout = null) =>
        UntilAsync(() => Task.FromResult(condition()), waitingFor, timeout);

    public static Task UntilAsync(Func<Task<bool>> condition, string waitingFor, TimeSpan? timeout = null) => UntilAsync(condition, waitingFor, timeout, null);

    private static async Task UntilAsync(Func<Task<bool>> condition, string waitingFor, TimeSpan? timeout, Func<object?>? last)
    {
        var limit = (timeout ?? TimeSpan.FromSeconds(20)) * Generosity;
        var deadline = TimeProvider.System.GetTimestamp() + (long)(limit.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (!await condition())
        {
            if (TimeProvider.System.GetTimestamp() > deadline)
            {
                var seen = last is null ? string.Empty : $" Last seen: {Show(last())}";
                throw new TimeoutException($"Waited {limit.TotalSeconds:0} s for {waitingFor}.{seen}{(IsTest ? await Evidence.GatherAsync() : "")}");
            }

            await Task.Delay(Interval);
        }
    }

    private static string Show(object? value) => value is System.Collections.IEnumerable and not string
        ? $"[{string.Join(", ", ((System.Collections.IEnumerable)value).Cast<object?>())}]"
        : value?.ToString() ?? "nothing";
}
