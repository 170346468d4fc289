namespace Chassis.Web;

/// <summary>What is written down of one act or one event of authentication.</summary>
/// <param name="Kind"><c>act</c> or <c>authentication</c>.</param>
/// <param name="Event">Method and route template of an act, or the name of the event.</param>
/// <param name="Status">HTTP status of the answer.</param>
internal sealed record AuditRecord(string Kind, string Event, int Status)
{
    public const string Act = "act";
    public const string Authentication = "authentication";

    public string? UserId { get; init; }

    public string? ClientId { get; init; }

    public string? TenantId { get; init; }

    /// <summary>Where the request came from.</summary>
    public string? Address { get; init; }

    /// <summary>Ids that say about what, by name.</summary>
    public IReadOnlyDictionary<string, string> Ids { get; init; } = new Dictionary<string, string>();

    public string? Reason { get; init; }

    public string CorrelationId { get; init; } = OperationContext.Current.CorrelationId;
}
