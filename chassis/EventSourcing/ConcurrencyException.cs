using Microsoft.EntityFrameworkCore;

namespace Chassis.EventSourcing;

/// <summary>Somebody else appended to the stream since it was read. Nothing was written; read again and decide anew.</summary>
public sealed class ConcurrencyException(Guid streamId, long expectedVersion)
    : DbUpdateConcurrencyException($"Stream {streamId} is not at version {expectedVersion} any more.")
{
    public Guid StreamId { get; } = streamId;

    public long ExpectedVersion { get; } = expectedVersion;
}
