using System.Collections.Concurrent;
using Xunit;
using Xunit.v3;

namespace Chassis.Testing;

/// <summary>What a test needs and this machine does not have.</summary>
public static class Missing
{
    private static readonly ConcurrentDictionary<string, bool> Said = new();

    /// <summary>
    /// Whether everything has to be there: under <c>make test</c> and in continuous integration a test that cannot run has failed, or it would be lost in
    /// silence.
    /// </summary>
    private static bool NothingMayBe =>
        Environment.GetEnvironmentVariable("CI") == "true" || Environment.GetEnvironmentVariable("TEST_POSTGRES") is { Length: > 0 };

    /// <summary>To be thrown in a test or in a <see cref="LazyFixture"/>: the test is skipped, or has failed.</summary>
    /// <param name="reason">What is missing and how to get it.</param>
    public static Exception Prerequisite(string reason)
    {
        return NothingMayBe ? new InvalidOperationException(reason) : Choice(reason);
    }

    /// <summary>To be thrown for what a whole way of running the tests cannot have: the test is skipped everywhere.</summary>
    /// <param name="reason">What is missing and which way has it.</param>
    public static Exception Choice(string reason)
    {
        // A skipped test keeps its reason to itself in the console's usual verbosity; the first one says it aloud.
        if (Said.TryAdd(reason, true))
        {
            TestContext.Current.AddWarning(reason);
        }

        return new InvalidOperationException(DynamicSkipToken.Value + reason);
    }
}
