namespace Orders.Payments;

/// <summary>How a payment stands.</summary>
public enum PaymentState
{
    /// <summary>Nothing is known of an outcome yet.</summary>
    Pending,
    Authorized,
    Captured,
    Declined,
    Voided,
    Refunded,
}

public enum PaymentOperation
{
    Authorize,
    Capture,
    Void,
    Refund,
}

/// <summary>What follows from a request or an outcome.</summary>
public enum Reaction
{
    /// <summary>Somebody else is on it.</summary>
    None,

    /// <summary>Say what is known.</summary>
    Answer,

    /// <summary>Ask the provider.</summary>
    Execute,

    /// <summary>Ask the provider again after a while.</summary>
    CheckLater,
}
