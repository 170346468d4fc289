using System.ComponentModel.DataAnnotations;
using Chassis.Messaging.Relay;

namespace Chassis.Messaging;

/// <summary>The knobs of messaging, section <c>Messaging</c>. Every default is meant for production.</summary>
public sealed class MessagingOptions : IForDevelopment, IValidatableObject
{
    public const string Section = "Messaging";

    /// <summary>
    /// AMQP URI of the broker with user, password and virtual host; key <c>RabbitMq:Uri</c>. User and password may stand apart, as <c>RabbitMq:Username</c> and
    /// <c>RabbitMq:Password</c>: there they may hold any character.
    /// </summary>
    [Required]
    public Uri Broker { get; set; } = new("amqp://127.0.0.1:5672/");

    /// <summary>
    /// Where the nodes of a cluster are, as <c>host:port</c> separated by commas, instead of the one address in <see cref="Broker"/>; without a port they have
    /// that one's. Key <c>RabbitMq:Hosts</c>. Each process begins with another one, and goes to the next when it is lost. Over <c>amqps</c> each has to show a
    /// certificate of the name in <see cref="Broker"/>. Empty for a broker of one node.
    /// </summary>
    public string Hosts { get; set; } = "";

    /// <summary>
    /// Accounts of other services on the broker, by service, where they are not called like the services. Messages that come from another account are not
    /// believed.
    /// </summary>
    public Dictionary<string, string> Accounts { get; set; } = [];

    /// <summary>
    /// Whether messages that nobody has signed are believed: those that a version left behind which did not sign what it sent. Only for the time of the upgrade
    /// from it (docs/how-to/upgrade.md): whoever can publish can leave out the signature.
    /// </summary>
    public bool TrustUnsigned { get; set; }

    /// <summary>
    /// Whether the event bus between the replicas of the service goes through the broker: for many replicas without a Redis, which comes first where it is set.
    /// </summary>
    public bool EventBus { get; set; }

    /// <summary>Messages that the broker hands to an endpoint before it waits for acknowledgements.</summary>
    [Range(1, 2000)]
    public int Prefetch { get; set; } = 16;

    /// <summary>Messages of one endpoint that are handled at the same time.</summary>
    [Range(1, 1000)]
    public int Concurrency { get; set; } = 8;

    /// <summary>Pauses between the tries in memory, while the message stays unacknowledged. Each is stretched by up to a quarter at random.</summary>
    /// <remarks>Null for the default of 100 ms, 400 ms and 1 s: a list with defaults would be appended to, not replaced, by configuration.</remarks>
    public TimeSpan[]? Retries { get; set; }

    /// <summary>Delays of the redeliveries that follow when the tries in memory are used up. They survive a restart.</summary>
    /// <remarks>Null for the default of 5 s, 30 s, 2 min, 10 min and 1 h.</remarks>
    public TimeSpan[]? Redeliveries { get; set; }

    /// <summary>How long a row of the outbox belongs to the process that wrote it; afterwards any replica sends it.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Longest pause between two looks at the outbox for rows that are due.</summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Rows that one look takes.</summary>
    [Range(1, 10_000)]
    public int SweepBatch { get; set; } = 500;

    /// <summary>Rows that wait in memory at most; what is committed beyond that is left to the table.</summary>
    [Range(1, 1_000_000)]
    public int MemoryRows { get; set; } = 5_000;

    /// <summary>Bytes of message bodies that wait in memory at most.</summary>
    [Range(1024, long.MaxValue)]
    public long MemoryBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// Whether a tenant that takes much more than the others makes room for them where many wait: in the relay, and at the queues that the service reads. What
    /// is more than its share waits in the outbox until there is room. With one tenant, or none, nothing is different.
    /// </summary>
    public bool FairShares { get; set; } = true;

    /// <summary>Attempts to send a row that the broker refuses or cannot route, before it is parked for an operator.</summary>
    [Range(1, 1000)]
    public int SendAttempts { get; set; } = 12;

    /// <summary>First pause after a refused attempt; it doubles with each further one, up to five minutes.</summary>
    public TimeSpan SendBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the broker may owe the confirmation of the oldest message, while it is there and takes messages, before what is under way gets a connection for
    /// each destination; and on that, before an attempt is given up. Shorter than the 65 s after which RabbitMQ itself gives up a queue without a quorum, and
    /// refuses the message.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:01:00")]
    public TimeSpan ConfirmPatience { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a message id is remembered for the detection of duplicates.</summary>
    public TimeSpan InboxRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How long published events stay in the archive; from a day to a hundred years. A consumer that begins from nothing gets by a replay what is there, and no
    /// more: long after the last copy was made of what happened.
    /// </summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "36500.00:00:00")]
    public TimeSpan ArchiveRetention { get; set; } = TimeSpan.FromDays(5 * 365);

    /// <summary>
    /// How long a dead letter stays after it was sent again or dropped, and a retry after its end; from a day to a hundred years. Open and parked ones stay for
    /// ever.
    /// </summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "36500.00:00:00")]
    public TimeSpan DeadLetterRetention { get; set; } = TimeSpan.FromDays(90);

    /// <summary>How long a dropped dead letter can be restored; afterwards what it said is gone. Up to 30 days.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "30.00:00:00")]
    public TimeSpan DeadLetterUndo { get; set; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long a retry of dead letters waits for what became of the messages that it has sent, as while a queue does not move; from a second to a day. What
    /// is not known by then stays <c>sent</c>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan RetryPatience { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a stopping service waits for what is in flight.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often is looked whether exchanges, queues and bindings are still there. Messages to one that was deleted wait for three times as long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.2", "00:10:00")]
    public TimeSpan TopologyInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often is looked for what messages that were under way at an erasure have left behind since.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LateTracesInterval { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// How long a queue may be without its consumer while the broker can be reached, before the process ends and is left to its supervisor. Time for
    /// two attempts of the transport, which pauses up to 30 s between them.
    /// </summary>
    public TimeSpan ConsumerPatience { get; set; } = TimeSpan.FromSeconds(75);

    /// <summary>
    /// How long this process may settle nothing of a queue that it reads and that has work for it, before it ends and is left to its supervisor; from 1 s to a
    /// day. Longer than any handler may take with its retries (four times the half minute after which a statement is given up), and shorter than the half hour
    /// after which the broker takes an unacknowledged message away, so that the log says what it was. The pauses of retries, as while the database is away, do
    /// not count.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ProgressPatience { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether start and stop of the service are published as boundary events.</summary>
    public bool AnnounceService { get; set; } = true;

    /// <summary>Without a user it would be the one that every broker knows.</summary>
    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (Broker.UserInfo.Split(':')[0] is "" or "guest")
        {
            yield return ("RabbitMq:Username", "the broker's default user");
        }
    }

    /// <summary>The account with which this process signs in to the broker; the client's own default where the URI has none.</summary>
    internal string Account => Broker.UserInfo.Split(':')[0] is { Length: > 0 } user ? Uri.UnescapeDataString(user) : "guest";

    /// <summary>The broker at each of its addresses.</summary>
    internal IReadOnlyList<Uri> Nodes => BrokerNodes.Of(Broker, Hosts);

    internal TimeSpan[] RetryPauses => Retries ?? [TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(400), TimeSpan.FromSeconds(1)];

    internal TimeSpan[] RedeliveryDelays =>
        Redeliveries ?? [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromHours(1)];

    /// <summary>An account has a name that the broker can say, 1 to 255 characters, and a node an address.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        (from account in Accounts
         where string.IsNullOrWhiteSpace(account.Key) || string.IsNullOrWhiteSpace(account.Value) || account.Value.Length > 255
         select new ValidationResult($"The account of '{account.Key}' must have 1 to 255 characters.", [$"{nameof(Accounts)}:{account.Key}"]))
        .Concat(BrokerNodes.Validate(Hosts, nameof(Hosts)));
}
