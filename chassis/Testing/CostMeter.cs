using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Chassis.Testing;

/// <summary>
/// Hears of every round trip to the database and every commit that belong to one trace, in this process: what one message or request costs, exactly. What runs
/// in the background for many of them at once belongs to no trace.
/// </summary>
public sealed partial class CostMeter : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    private readonly ConcurrentQueue<string> _statements = [];
    private readonly ActivityListener _activities;
    private readonly IDisposable _listeners;
    private readonly ConcurrentBag<IDisposable> _subscriptions = [];
    private int _commits;

    public CostMeter()
    {
        _activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                // What has no text is a connection that is made: which unit of work has to, depends on what else the pool is used for.
                if (activity.TraceId.ToHexString() == Trace && activity.GetTagItem("db.query.text") is string text)
                {
                    _statements.Enqueue(text);
                }
            },
        };
        ActivitySource.AddActivityListener(_activities);
        _listeners = DiagnosticListener.AllListeners.Subscribe(this);
    }

    /// <summary>The trace that is listened to.</summary>
    public string Trace { get; } = ActivityTraceId.CreateRandom().ToHexString();

    /// <summary>The header <c>traceparent</c> with which a request or message belongs to it.</summary>
    public string Parent => $"00-{Trace}-{ActivitySpanId.CreateRandom().ToHexString()}-01";

    /// <summary>Of transactions of a context.</summary>
    public int Commits => _commits;

    /// <summary>Several statements in one batch are one.</summary>
    public int RoundTrips => _statements.Count;

    /// <summary>In all round trips, <c>COMMIT</c> among them where it travels in a batch, and without <c>BEGIN</c>, which travels with the first one.</summary>
    public int Statements => _statements.Sum(s => s.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Length);

    /// <summary>Round trips that begin with such a statement.</summary>
    public int Beginning(string beginning) => _statements.Count(s => s.StartsWith(beginning, StringComparison.Ordinal));

    /// <summary>
    /// Waits for as much as is asserted next: what a transaction has done can be seen from elsewhere before its last round trip has ended here.
    /// </summary>
    public Task HeardAsync(int commits, int roundTrips) => Poll.UntilAsync(
        () => Task.FromResult((Commits, RoundTrips, Trips: ToString())),
        heard => heard.Commits >= commits && heard.RoundTrips >= roundTrips,
        $"{commits} commits and {roundTrips} round trips of one trace");

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "Microsoft.EntityFrameworkCore")
        {
            _subscriptions.Add(value.Subscribe(this));
        }
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Key == "Microsoft.EntityFrameworkCore.Database.Transaction.TransactionCommitted" && Activity.Current?.TraceId.ToHexString() == Trace)
        {
            Interlocked.Increment(ref _commits);
        }
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    /// <summary>The round trips, one in a line.</summary>
    public override string ToString() => string.Join('\n', _statements.Select(s => Blanks().Replace(s, " ").Trim()));

    public void Dispose()
    {
        _activities.Dispose();
        _listeners.Dispose();
        foreach (var subscription in _subscriptions)
        {
            subscription.Dispose();
        }
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
