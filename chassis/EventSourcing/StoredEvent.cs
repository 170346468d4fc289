namespace Chassis.EventSourcing;

/// <summary>What an event belongs to; written from <see cref="Chassis.Web.OperationContext"/>.</summary>
/// <param name="CorrelationId">Ties together everything that one request from outside has caused.</param>
/// <param name="CausationId">Id of the message whose handling raised the event; null in an HTTP request.</param>
/// <param name="UserId">Subject of whoever asked for it.</param>
/// <param name="TenantId">Tenant, in an installation that has tenants.</param>
/// <param name="TraceParent">W3C trace context of the span that raised the event.</param>
public sealed record EventMetadata(
    string CorrelationId, string? CausationId = null, string? UserId = null, string? TenantId = null, string? TraceParent = null);

/// <summary>An event as it stands in the store.</summary>
/// <param name="Position">
/// Order over all streams, in which projections read. Handed out before the commit, and therefore with gaps and not in the order of commits.
/// </param>
/// <param name="EventId">Unique.</param>
/// <param name="StreamId">Id of the aggregate.</param>
/// <param name="StreamType">Type of the aggregate.</param>
/// <param name="Version">1, 2, 3 … within the stream, without a gap.</param>
/// <param name="EventType">Name in the <see cref="EventTypeMap"/>.</param>
/// <param name="EventVersion">Version in which <see cref="Data"/> is, after upcasting.</param>
/// <param name="Data">The event.</param>
/// <param name="Metadata">What it belongs to.</param>
/// <param name="OccurredAt">When it happened, by the service's clock.</param>
/// <param name="RecordedAt">When it was stored, by the database's clock.</param>
public sealed record StoredEvent(
    long Position,
    Guid EventId,
    Guid StreamId,
    string StreamType,
    long Version,
    string EventType,
    int EventVersion,
    object Data,
    EventMetadata Metadata,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt);
