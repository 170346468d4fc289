namespace ShopConsole.Pages.People;

public sealed record PersonData(
    Guid Id, string? Email, string? FullName, string Status, string? Source, DateTimeOffset RegisteredAt, long Version, bool EmailVerified, string Role);

public sealed record SessionData(Guid Id, string Client, DateTimeOffset Since);

public sealed record RoleData(string Name, IReadOnlyList<string>? Permissions);

public sealed record AuditData(
    long Position, DateTimeOffset At, string Kind, string Event, string? UserId, string? ClientId, IReadOnlyDictionary<string, string> Ids, string? Reason,
    int Status, string CorrelationId);
