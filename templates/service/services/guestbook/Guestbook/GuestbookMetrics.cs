using System.Diagnostics.Metrics;

namespace Guestbook;

/// <summary>What the business asks about the service, as metrics.</summary>
internal static class GuestbookMetrics
{
    private static readonly Meter Meter = new("guestbook");

    private static readonly Counter<long> Notes = Meter.CreateCounter<long>("shop.guestbook.notes", "{note}", "Notes that were added, by people and for orders.");

    public static void Added(string by) => Notes.Add(1, new KeyValuePair<string, object?>("by", by));
}
