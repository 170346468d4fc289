using System.Text.Json;

namespace ShopConsole.Pages.Failed;

public sealed record GroupData(
    string Fingerprint, string Type, string Queue, string Reason, string? ExceptionType, string? ExceptionMessage, long Count, DateTimeOffset FirstFailedAt,
    DateTimeOffset LastFailedAt, IReadOnlyList<double> Trend);

public sealed record ExceptionData(string? Type, string? Message, string? StackTrace);

public sealed record NoteData(DateTimeOffset At, string? By, string Text);

public sealed record LetterDetailsData(
    Guid Id, string MessageId, string Type, string Queue, string Reason, string Fingerprint, ExceptionData? Exception, string Status, int Failures,
    DateTimeOffset FirstFailedAt, DateTimeOffset FailedAt, string ContentType, IReadOnlyDictionary<string, string> Headers, JsonElement Body,
    JsonElement History, bool? Processed, JsonElement? Schema, IReadOnlyList<NoteData>? Notes)
{
    public bool IsOpen => Status is "open" or "parked";
}

public sealed record RetryData(
    Guid Id, string? Queue, string? Type, string? Fingerprint, double? Rate, string Status, int Total, int Waiting, int Sent, int Consumed, int Failed,
    DateTimeOffset StartedAt, string? StartedBy, DateTimeOffset? EndedAt, string? StoppedBecause)
{
    public bool IsRunning => Status == "running";
}

public sealed record OutcomeData(Guid DeadLetterId, string MessageId, string Type, string Queue, string Outcome, DateTimeOffset? At, string? ExceptionMessage);

public sealed record ArchivedData(Guid Id, string Type, string Subject, DateTimeOffset Time, JsonElement Data);
