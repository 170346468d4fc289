namespace Chassis.Messaging.Storage;

/// <summary>
/// From which due time on a look at the outbox begins. Below it everything was claimed, so that there is nothing but the index entries of rows that are gone;
/// while somebody reads an old snapshot (a backup of an hour, say) none of them is cleaned up, and a look from the beginning reads them all.
/// </summary>
/// <remarks>
/// A row can come to lie below it all the same: its transaction was open for long, a clock went back, somebody gave it a time in the past, another replica had
/// claimed it and died. So every look is from the beginning as long as that costs nothing, and a costly one is repeated as often as a twentieth of the time
/// allows, at the latest after <see cref="Longest"/>.
/// </remarks>
/// <param name="trail">How far behind the clock of the database it stays: transactions that are open for no longer are seen at once.</param>
/// <param name="clock">Measures the looks.</param>
internal sealed class Watermark(TimeSpan trail, TimeProvider clock)
{
    /// <summary>How long a row below the watermark can wait at most.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private const int Share = 20;

    // To PostgreSQL that is -infinity.
    private static readonly DateTime Always = DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc);

    private DateTime _due = Always;
    private DateTime _replayed = Always;
    private long? _begun;
    private TimeSpan _pause;
    private bool _whole;

    /// <summary>Begins a look.</summary>
    /// <returns>From which due time on, for what is due and for what is replayed.</returns>
    public (DateTime Due, DateTime Replayed) Begin()
    {
        var now = clock.GetTimestamp();
        _whole = _begun is not { } begun || clock.GetElapsedTime(begun, now) >= _pause;
        if (!_whole)
        {
            return (_due, _replayed);
        }

        _begun = now;
        return (Always, Always);
    }

    /// <summary>Ends the look.</summary>
    /// <param name="now">Time of the database.</param>
    /// <param name="due">Due time of the last row that was claimed, when there may be more; null when all were.</param>
    /// <param name="replayed">Due time of the last replayed row that was claimed; null when there was none.</param>
    public void End(DateTime now, DateTime? due, DateTime? replayed)
    {
        if (_whole && _begun is { } begun)
        {
            var pause = clock.GetElapsedTime(begun) * Share;
            _pause = pause < Longest ? pause : Longest;
        }

        _due = due < now - trail ? due.Value : now - trail;
        _replayed = replayed ?? _replayed;
    }
}
