namespace Inventory.Domain;

/// <summary>What belongs to a tenant, or to none.</summary>
public interface ITenantRow
{
    string? TenantId { get; }
}
