namespace PaymentSandbox;

/// <summary>What each payment method of the sandbox does. An unknown method is refused as the real API refuses it.</summary>
internal static class Cards
{
    public const string Visa = "pm_card_visa";
    public const string Declined = "pm_card_declined";
    public const string InsufficientFunds = "pm_card_insufficient_funds";

    /// <summary>Authorized at once, but the answer comes late; until then the idempotency key is in use.</summary>
    public const string Slow = "pm_card_slow";

    /// <summary>Every operation fails twice before it succeeds: once before it had an effect, once after.</summary>
    public const string Flaky = "pm_card_flaky";

    /// <summary>Can be authorized and voided, never captured.</summary>
    public const string CaptureFails = "pm_card_capture_fails";

    public static bool IsKnown(string paymentMethod) =>
        paymentMethod is Visa or Declined or InsufficientFunds or Slow or Flaky or CaptureFails;

    public static CardError? DeclineOnAuthorize(string paymentMethod) => paymentMethod switch
    {
        Declined => Decline("generic_decline", "Your card was declined."),
        InsufficientFunds => Decline("insufficient_funds", "Your card has insufficient funds."),
        _ => null,
    };

    public static CardError? DeclineOnCapture(string paymentMethod) =>
        paymentMethod == CaptureFails ? Decline("capture_refused", "The issuer refused to capture this authorization.") : null;

    private static CardError Decline(string declineCode, string message) => new("card_error", "card_declined", declineCode, message);
}
