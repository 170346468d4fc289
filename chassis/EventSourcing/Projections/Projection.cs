using Npgsql;

namespace Chassis.EventSourcing;

public enum ProjectionMode
{
    /// <summary>Written in the transaction of the events: whoever wrote sees it at once.</summary>
    Consistent,

    /// <summary>Follows the store with a checkpoint.</summary>
    Asynchronous,
}

/// <summary>A read model: tables that are a function of the events, and can be made anew from them at any time.</summary>
public abstract class Projection
{
    /// <summary>Name in the operators' resources.</summary>
    public abstract string Name { get; }

    public abstract ProjectionMode Mode { get; }

    /// <summary>Its tables, each with a primary key, and with a twin <c>…_shadow</c>, which <c>CreateProjection</c> in a migration makes.</summary>
    public abstract IReadOnlyList<string> Tables { get; }

    /// <summary>
    /// Applies events, oldest first, the events of one stream in their order. Writes through <paramref name="target"/> only. Before it writes a row that it has
    /// read it locks it (<c>FOR UPDATE</c>), so that a rebuild that swaps the tables never waits for somebody who waits for it.
    /// </summary>
    public abstract Task ApplyAsync(IReadOnlyList<StoredEvent> events, ProjectionTarget target, CancellationToken ct);

    /// <summary>
    /// The last touch on rebuilt tables before they are compared and swapped in, while nobody writes to the live ones: for what is changed in the live tables
    /// by other hands than events, such as the erasure of a person whose data a rebuild had read a moment before.
    /// </summary>
    public virtual Task CompleteAsync(ProjectionTarget target, CancellationToken ct) => Task.CompletedTask;
}

/// <summary>Where a projection writes: the live tables, or their shadows during a rebuild.</summary>
public sealed record ProjectionTarget(NpgsqlConnection Connection, bool Shadow)
{
    internal const string ShadowSuffix = "_shadow";

    /// <summary>The name of the table to use.</summary>
    public string Table(string name) => Shadow ? name + ShadowSuffix : name;
}

/// <summary>State of a projection as operators see it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Mode">Whether it is written with the events or follows them.</param>
/// <param name="Position">Position of the last event applied.</param>
/// <param name="Head">Highest position in the store.</param>
/// <param name="Lag">Events not applied yet; 10,001 stands for more than 10,000.</param>
/// <param name="LagSeconds">Age of the oldest event not applied yet.</param>
/// <param name="HeldBackBy">
/// The sessions that are storing events and have not committed yet, if something is not applied: nothing later is read before they end.
/// </param>
/// <param name="Error">Why it does not go on, if it does not.</param>
/// <param name="Rebuild">The last rebuild, if there was one.</param>
public sealed record ProjectionStatus(
    string Name, ProjectionMode Mode, long Position, long Head, long Lag, double LagSeconds, string? HeldBackBy, string? Error, RebuildStatus? Rebuild);

public enum RebuildState
{
    Requested,
    Running,
    Completed,
    Failed,
}

/// <param name="State">How far it is.</param>
/// <param name="RequestedAt">When it was asked for.</param>
/// <param name="FinishedAt">When the new tables took over, or the attempt ended.</param>
/// <param name="Events">Events applied to the shadow tables.</param>
/// <param name="Differences">
/// Rows in which the old and the new tables differed at the moment of the swap; 0 unless the projection's code had changed or was wrong.
/// </param>
/// <param name="Error">Why it failed.</param>
/// <param name="StartedAt">When a replica began with it; null before, and of what an earlier version rebuilt.</param>
/// <param name="Position">Position of the last event applied to the shadow tables.</param>
/// <param name="Target">How far the events had come when that was written down; null before it has begun. It moves on as long as somebody writes.</param>
/// <param name="Percent">How much of that is done; 100 when the new tables have taken over.</param>
public sealed record RebuildStatus(
    RebuildState State, DateTimeOffset RequestedAt, DateTimeOffset? FinishedAt, long Events, long? Differences, string? Error,
    DateTimeOffset? StartedAt, long Position, long? Target, int Percent)
{
    /// <summary>A hundred only when it is through: what remains after the last event takes its time as well.</summary>
    internal static int PercentOf(RebuildState state, long position, long? target) => state == RebuildState.Completed ? 100
        : target is > 0 ? (int)Math.Clamp(position * 100 / target.Value, 0, 99)
        : 0;
}
