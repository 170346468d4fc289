namespace ShopConsole.Pages.Webhooks;

internal sealed record WebhookData(
    Guid Id, string Url, IReadOnlyList<string> EventTypes, string? Description, string Status, string? DisabledReason, DateTimeOffset? FailingSince,
    DateTimeOffset? PausedUntil, DateTimeOffset CreatedAt, long Version, double? SuccessRatio);

internal sealed record SecretData(string? Secret);

internal sealed record AttemptDetailsData(int Number, DateTimeOffset At, double LatencyMs, int? Status, string? Error, string? ResponseExcerpt);

internal sealed record DeliveryDetailsData(
    Guid Id, string EventId, string EventType, string? Subject, string Status, DateTimeOffset CreatedAt, DateTimeOffset? NextAttemptAt,
    DateTimeOffset? CompletedAt, IReadOnlyList<AttemptDetailsData>? Attempts);
