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

    /// <summary>Confirmed, it waits for its customer (<c>requires_action</c>): the page that <c>next_action</c> names authorizes it or fails it.</summary>
    public const string AuthenticationRequired = "pm_card_authentication_required";

    /// <summary>Confirmed, it is <c>processing</c> for a while, and is authorized then.</summary>
    public const string ProcessingSucceeds = "pm_card_processing_succeeds";

    /// <summary>Confirmed, it is <c>processing</c> for a while, and is declined then.</summary>
    public const string ProcessingFails = "pm_card_processing_fails";

    /// <summary>
    /// The first request of every operation is answered with a 500 and has no effect, and that answer is kept under its idempotency key, as the real API keeps
    /// it for a day. Under another key the operation succeeds.
    /// </summary>
    public const string StoredError = "pm_card_stored_error";

    public static bool IsKnown(string paymentMethod) =>
        paymentMethod is Visa or Declined or InsufficientFunds or Slow or Flaky or CaptureFails or AuthenticationRequired or ProcessingSucceeds
            or ProcessingFails or StoredError;

    public static CardError? DeclineOnAuthorize(string paymentMethod) => paymentMethod switch
    {
        Declined => Decline("generic_decline", "Your card was declined."),
        InsufficientFunds => Decline("insufficient_funds", "Your card has insufficient funds."),
        ProcessingFails => Decline("processing_failed", "Your card was declined after all."),
        _ => null,
    };

    public static CardError? DeclineOnCapture(string paymentMethod) =>
        paymentMethod == CaptureFails ? Decline("capture_refused", "The issuer refused to capture this authorization.") : null;

    public static CardError AuthenticationFailed { get; } =
        new("card_error", "payment_intent_authentication_failure", null, "The customer did not authenticate the payment.");

    private static CardError Decline(string declineCode, string message) => new("card_error", "card_declined", declineCode, message);
}
