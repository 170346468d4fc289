using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chassis.Data;

namespace Chassis.Messaging;

/// <summary>Name of the source of traces and of the meter of messaging.</summary>
public static class MessagingTelemetry
{
    public const string Name = "Chassis.Messaging";

    /// <summary>A message is made, and enters the outbox.</summary>
    internal const string Create = "create";

    /// <summary>It is on its way from the outbox to the broker, until that has confirmed it.</summary>
    internal const string Send = "send";

    /// <summary>A consumer handles it.</summary>
    internal const string Process = "process";

    /// <summary>What goes through the broker.</summary>
    internal const string Broker = "rabbitmq";

    /// <summary>What goes into the outbox, or from there straight to a queue of the service itself.</summary>
    internal const string Outbox = "outbox";

    /// <summary>The type of a command; that of an event has a name by convention.</summary>
    internal const string MessageType = "messaging.message.type";

    internal static readonly ActivitySource Source = new(Name);

    /// <summary>The attributes that OpenTelemetry's conventions have for messages.</summary>
    internal static void Describe(Activity span, string system, string operation, string destination, string? messageId, string? correlationId)
    {
        span.SetTag("messaging.system", system);
        span.SetTag("messaging.operation.name", operation);
        span.SetTag("messaging.operation.type", operation);
        span.SetTag("messaging.destination.name", destination);
        span.SetTag("messaging.message.id", messageId);
        span.SetTag("messaging.message.conversation_id", correlationId);
    }
}

/// <summary>The figures of messaging.</summary>
internal sealed class MessagingMetrics : IInstruments, IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _delivered;
    private readonly Counter<long> _local;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _duplicates;
    private readonly Counter<long> _consumed;
    private readonly Counter<long> _deprecated;
    private readonly Counter<long> _unsigned;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _retried;
    private readonly Counter<long> _redeliveries;
    private readonly Counter<long> _putAside;
    private readonly Counter<long> _topologyMended;
    private readonly Histogram<double> _age;
    private readonly Histogram<double> _process;
    private readonly BoundedLabel _errors = new();
    private readonly ConcurrentDictionary<string, bool> _queues = new();
    private readonly TimeProvider _clock;
    private readonly long[] _perSecond = new long[Window];
    private readonly long _started;
    private long _newest;

    private const int Window = 60;

    public MessagingMetrics(IMeterFactory meters, TimeProvider clock)
    {
        _clock = clock;
        _started = clock.GetTimestamp();
        _meter = meters.Create(MessagingTelemetry.Name);
        _delivered = _meter.CreateCounter<long>("messaging.outbox.delivered", "{message}", "Messages that the broker has confirmed.");
        _local = _meter.CreateCounter<long>(
            "messaging.local.delivered", "{message}", "Messages to queues of this service itself that went there without the broker.");
        _refused = _meter.CreateCounter<long>("messaging.outbox.refused", "{attempt}", "Attempts that the broker refused or could not route.");
        _age = _meter.CreateHistogram(
            "messaging.outbox.delivery_age", "s", "Time from the due time of a message until the broker's confirmation.", advice: Buckets.Waits);
        _process = _meter.CreateHistogram(
            "messaging.process.duration", "s", "Time that a message was worked on, with all tries of one delivery.", advice: Buckets.Calls);
        _duplicates = _meter.CreateCounter<long>("messaging.inbox.duplicates", "{message}", "Messages that came again and were not handled again.");
        _consumed = _meter.CreateCounter<long>("messaging.inbox.consumed", "{message}", "Messages that were handled and committed.");
        _deprecated = _meter.CreateCounter<long>(
            "messaging.deprecated_consumed", "{message}", "Boundary events of a deprecated version that somebody here still consumes.");
        _unsigned = _meter.CreateCounter<long>("messaging.unsigned", "{message}", "Messages that nobody has signed and that were believed all the same.");
        _deadLetters = _meter.CreateCounter<long>("messaging.dead_letters.added", "{message}", "Messages that were given up.");
        _retried = _meter.CreateCounter<long>(
            "messaging.dead_letters.retried", "{message}", "Dead letters that retries have sent again, and what became of them.");
        _topologyMended = _meter.CreateCounter<long>("messaging.topology.mended", "{object}", "Exchanges and queues that somebody had deleted.");
        _redeliveries = _meter.CreateCounter<long>("messaging.redeliveries", "{message}", "Messages that failed and were put back for later.");
        _putAside = _meter.CreateCounter<long>(
            "messaging.put_aside", "{message}", "Messages of a tenant that took much more than the others, put behind theirs while every place was taken.");
    }

    /// <summary>A queue that this service takes messages from.</summary>
    public void Takes(string queue) => _queues[queue] = true;

    public void StartAtZero()
    {
        _delivered.Add(0);
        _refused.Add(0);
        _topologyMended.Add(0);
        foreach (var outcome in (string[])["sent", "consumed", "failed"])
        {
            Retried(outcome, 0);
        }

        foreach (var queue in _queues.Keys)
        {
            foreach (var counter in (Counter<long>[])[_local, _consumed, _duplicates, _redeliveries, _putAside, _deadLetters, _unsigned])
            {
                counter.Add(0, new KeyValuePair<string, object?>("messaging.destination.name", queue));
            }
        }
    }

    /// <summary>Messages a second that the broker confirmed, over the last minute or since the start.</summary>
    public double DispatchRate
    {
        get
        {
            lock (_perSecond)
            {
                Advance();
                return Math.Round(_perSecond.Sum() / Math.Clamp(_clock.GetElapsedTime(_started).TotalSeconds, 1, Window), 2);
            }
        }
    }

    public void Observe(Func<OutboxFigures> figures, Func<int> inMemory, Func<int> unconfirmed)
    {
        _meter.CreateObservableGauge("messaging.outbox.pending", () => figures().Pending, "{message}", "Rows that wait to be sent.");
        _meter.CreateObservableGauge("messaging.outbox.oldest_age", () => figures().OldestAgeSeconds, "s", "Age of the oldest row that waits to be sent.");
        _meter.CreateObservableGauge("messaging.outbox.scheduled", () => figures().Scheduled, "{message}", "Rows that are due later.");
        _meter.CreateObservableGauge("messaging.outbox.parked", () => figures().Parked, "{message}", "Rows that could not be sent and wait for an operator.");
        _meter.CreateObservableGauge("messaging.dead_letters.open", () => figures().DeadLetters, "{message}", "Dead letters that nobody has dealt with.");
        _meter.CreateObservableGauge("messaging.outbox.in_memory", inMemory, "{message}", "Rows that this process holds in memory.");
        _meter.CreateObservableGauge(
            "messaging.outbox.unconfirmed_destinations", unconfirmed, "{destination}", "Exchanges of which the broker does not confirm what is sent there.");
    }

    /// <param name="queues">How many; null before anybody has looked.</param>
    public void ObserveIdle(Func<int?> queues) => _meter.CreateObservableGauge(
        "messaging.endpoints.idle",
        () => queues() is { } count ? [new Measurement<int>(count)] : Array.Empty<Measurement<int>>(),
        "{queue}",
        "Queues of this service that nobody consumes.");

    /// <param name="age">Zero when nothing is in flight.</param>
    public void ObserveOldest(Func<TimeSpan> age) => _meter.CreateObservableGauge(
        "messaging.endpoints.oldest_age", () => age().TotalSeconds, "s", "Time since the arrival of the oldest message that this process has not settled.");

    public void Delivered(int count)
    {
        lock (_perSecond)
        {
            _perSecond[Advance() % Window] += count;
        }

        _delivered.Add(count);
    }

    public void DeliveredLocally(string queue, TimeSpan age)
    {
        _local.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));
        DeliveryAge(age);
    }

    public void DeliveryAge(TimeSpan age) => _age.Record(Math.Max(0, age.TotalSeconds));

    public void Refused() => _refused.Add(1);

    /// <param name="queue">Where the message came from.</param>
    /// <param name="took">With all tries.</param>
    /// <param name="failure">Why it is given up; null when it was handled, or put back.</param>
    public void Processed(string queue, TimeSpan took, Exception? failure)
    {
        var tags = new TagList
        {
            { "messaging.system", "rabbitmq" }, { "messaging.operation.name", "process" }, { "messaging.destination.name", queue },
        };
        if (failure is not null)
        {
            tags.Add("error.type", _errors.Of(failure.GetType().FullName));
        }

        _process.Record(took.TotalSeconds, tags);
    }

    public void Duplicate(string queue) => _duplicates.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void Consumed(string queue) => _consumed.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void Deprecated(string type, string queue) =>
        _deprecated.Add(1, new TagList { { "cloudevents.event_type", type }, { "messaging.destination.name", queue } });

    public void Unsigned(string queue) => _unsigned.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void DeadLetter(string queue) => _deadLetters.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void Retried(string outcome, int count) => _retried.Add(count, new KeyValuePair<string, object?>("outcome", outcome));

    public void TopologyMended(int count) => _topologyMended.Add(count);

    public void Redelivery(string queue) => _redeliveries.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void PutAside(string queue) => _putAside.Add(1, new KeyValuePair<string, object?>("messaging.destination.name", queue));

    public void Dispose() => _meter.Dispose();

    private long Advance()
    {
        var second = (long)_clock.GetElapsedTime(_started).TotalSeconds;
        for (var empty = Math.Max(_newest + 1, second - Window + 1); empty <= second; empty++)
        {
            _perSecond[empty % Window] = 0;
        }

        return _newest = Math.Max(_newest, second);
    }
}

/// <summary>What <c>GET /v1/ops/outbox</c> answers and the gauges show.</summary>
/// <param name="Pending">Rows that should be on the broker already or are on their way.</param>
/// <param name="OldestAgeSeconds">Age of the oldest of them.</param>
/// <param name="Scheduled">Rows that are due later.</param>
/// <param name="Parked">Rows that could not be sent and wait for an operator.</param>
/// <param name="DispatchRate">Messages a second that this process delivered, over the last minute at most.</param>
/// <param name="DeadLetters">Dead letters that nobody has dealt with.</param>
public sealed record OutboxFigures(long Pending, double OldestAgeSeconds, long Scheduled, long Parked, double DispatchRate, long DeadLetters);
