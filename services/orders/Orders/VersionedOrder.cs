using Orders.Domain;

namespace Orders;

/// <param name="State">The order.</param>
/// <param name="Version">Version of its stream, counted from 1.</param>
/// <param name="TenantId">Whose installation it belongs to.</param>
public sealed record VersionedOrder(OrderState State, long Version, string? TenantId);
