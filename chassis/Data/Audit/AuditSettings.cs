using System.ComponentModel.DataAnnotations;

namespace Chassis.Data;

/// <summary>How long the audit keeps what. Section <c>Audit</c>.</summary>
public sealed record AuditSettings
{
    public const string Section = "Audit";

    /// <summary>Days for which an entry is kept; the database keeps it for 30 whatever stands here.</summary>
    [Range(30, 36_500)]
    public int RetentionDays { get; init; } = 400;

    /// <summary>Days for which the network address of an entry can be read; its keyed hash stays with the entry.</summary>
    [Range(1, 36_500)]
    public int AddressRetentionDays { get; init; } = 90;
}
