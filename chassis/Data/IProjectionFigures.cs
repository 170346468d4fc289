namespace Chassis.Data;

/// <summary>How far one read model is.</summary>
/// <param name="Name">Name.</param>
/// <param name="Position">Position of the last event applied.</param>
/// <param name="Head">Highest position in the store.</param>
/// <param name="Lag">Events not applied yet; 10,001 stands for more than 10,000.</param>
/// <param name="LagSeconds">Age of the oldest event not applied yet.</param>
/// <param name="Error">Why it does not go on, if it does not.</param>
/// <param name="RebuildPercent">How far the last rebuild is; null when there was none.</param>
public sealed record FiguresOfProjection(string Name, long Position, long Head, long Lag, double LagSeconds, string? Error, int? RebuildPercent);

/// <summary>The read models of a service, where it has any: for whoever shows a service as a whole and knows nothing of events.</summary>
public interface IProjectionFigures
{
    Task<IReadOnlyList<FiguresOfProjection>> ReadAsync(CancellationToken ct);
}
