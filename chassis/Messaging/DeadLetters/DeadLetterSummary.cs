namespace Chassis.Messaging.DeadLetters;

/// <summary>One dead letter in a list.</summary>
public sealed record DeadLetterSummary(
    Guid Id, string MessageId, string Type, string Queue, string Reason, string Fingerprint, string? ExceptionType, string? ExceptionMessage,
    string Status, int Failures, DateTimeOffset FirstFailedAt, DateTimeOffset FailedAt);
