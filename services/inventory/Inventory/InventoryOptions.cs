using System.ComponentModel.DataAnnotations;

namespace Inventory;

/// <summary>Section <c>Reservations</c>.</summary>
public sealed record ReservationOptions
{
    /// <summary>
    /// How long stock stays set aside for an order that nobody ships or releases. Longer than the saga can take, with every retry and an outage;
    /// it is the answer to a saga that is gone, not to a slow one.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "90.00:00:00")]
    public TimeSpan ExpireAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How often expired reservations are looked for.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Section <c>Shipping</c>.</summary>
public sealed record ShippingOptions
{
    /// <summary>Dispatch at once with a generated tracking number. Without it an operator dispatches.</summary>
    public bool AutoDispatch { get; init; } = true;

    /// <summary>Who carries what is dispatched automatically.</summary>
    [Required, MaxLength(Domain.Limits.MaxCarrier)]
    public string Carrier { get; init; } = "Parcel Express";

    /// <summary>What generated tracking numbers begin with.</summary>
    [Required, RegularExpression("^[A-Z0-9]{1,10}$")]
    public string TrackingPrefix { get; init; } = "PX";
}
