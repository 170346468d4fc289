using System.Diagnostics;
using Contracts.Events;

namespace Chassis.Messaging.Model;

/// <summary>One message on its way: what is sent, byte for byte, and where to.</summary>
internal sealed class OutboxRow
{
    /// <summary>Key in the table; set when the row is written.</summary>
    public long Id { get; set; }

    public required Guid MessageId { get; init; }

    /// <summary>Rows of one key leave in the order of their commits.</summary>
    public string? Key { get; init; }

    /// <summary>Name of the exchange: an event's own, or that of a queue.</summary>
    public required string Exchange { get; init; }

    public required string RoutingKey { get; init; }

    public required string ContentType { get; init; }

    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public required byte[] Body { get; init; }

    /// <summary>A message that must reach a queue; nobody to take it counts as a failed attempt.</summary>
    public bool Mandatory { get; init; }

    /// <summary>When a scheduled message is due; null for at once.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>Names a scheduled message for whoever wants to cancel it.</summary>
    public Guid? Token { get; init; }

    /// <summary>
    /// In whose name it was sent; null for nobody's. An event has it in its headers, the envelope of a command inside, where whoever reads the row looks.
    /// </summary>
    public string? Tenant
    {
        get => field ?? Headers.GetValueOrDefault(CloudEventHeaders.TenantId);
        init;
    }

    /// <summary>Nobody is a tenant like others where they share.</summary>
    public string TenantOrNone => Tenant ?? string.Empty;

    /// <summary>Kept in the archive of boundary events.</summary>
    public ArchivedEvent? Archive { get; init; }

    /// <summary>
    /// W3C trace context of whoever made the message, as its consumer reads it; null where that stands in a body that this process has not written.
    /// </summary>
    public string? TraceParent
    {
        get => field ?? Headers.GetValueOrDefault(CloudEventHeaders.TraceParent);
        init;
    }

    /// <summary>
    /// More than the tenant's share: it waits in the table, in a line of that tenant, and belongs to no process. ADR: docs/adr/0046-nobody-is-in-the-way.md.
    /// </summary>
    public bool IsSurplus { get; set; }

    // From here on only the relay writes.

    /// <summary>Timestamp of <see cref="TimeProvider.GetTimestamp"/> after which the row belongs to somebody else.</summary>
    public long OwnedUntil { get; set; }

    /// <summary>It goes to an endpoint of this process, and not to the broker.</summary>
    public bool IsLocal { get; set; }

    /// <summary>When the message should have left, for the delivery age.</summary>
    public DateTimeOffset Since { get; set; }

    /// <summary>The span of its way to the broker, while its confirmation is awaited.</summary>
    public Activity? Sending { get; set; }

    /// <summary>Why the broker sent it back, while its confirmation is still awaited.</summary>
    public string? Returned { get; set; }

    /// <summary>Nobody waits for its confirmation any more. It is done all the same when it comes.</summary>
    public bool GivenUp { get; set; }
}

/// <summary>What the archive wants to know beside the row.</summary>
internal sealed record ArchivedEvent(string Type, string Subject, DateTimeOffset Time);
