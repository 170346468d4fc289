namespace PaymentSandbox;

/// <summary>The answer to one operation and the effect that goes with it. <paramref name="Entry"/> names the movement of money, if there was one.</summary>
internal sealed record Answer(int Status, string? Entry = null, Intent? Intent = null, Refund? Refund = null, StripeError? Error = null)
{
    public object Body => Error is not null ? new ErrorBody(Error) : (object?)Refund ?? Intent!;

    public static Answer Failed(int status, StripeError error) => new(status, Error: error);
}

internal sealed record CreateParameters(
    long Amount, string Currency, string PaymentMethod, string CaptureMethod, IReadOnlyDictionary<string, string> Metadata);

/// <param name="Page">Where a customer authenticates payments; the payment's id goes behind it.</param>
/// <param name="ReturnUrl">Where she goes from there.</param>
/// <param name="Processing">How long the cards take that do not decide at once.</param>
internal sealed record ConfirmParameters(string Page, string? ReturnUrl, TimeSpan Processing);

/// <summary>The provider's rules, as pure functions from the state of a payment to the answer.</summary>
internal static class Operations
{
    /// <param name="request">What is to be paid.</param>
    /// <param name="id">Of the payment.</param>
    /// <param name="confirm">Null to wait for a request that confirms it.</param>
    /// <param name="now">When.</param>
    public static Answer Create(CreateParameters request, string id, ConfirmParameters? confirm, DateTimeOffset now)
    {
        var intent = new Intent(
            id,
            request.Amount,
            request.Currency,
            "requires_confirmation",
            request.PaymentMethod,
            request.CaptureMethod,
            now.ToUnixTimeSeconds(),
            request.Metadata);
        return confirm is null ? new Answer(200, Intent: intent) : Confirm(intent, confirm, now);
    }

    public static Answer Confirm(Intent intent, ConfirmParameters request, DateTimeOffset now) => (intent.Status, intent.PaymentMethod) switch
    {
        (not "requires_confirmation", _) => UnexpectedState(intent, "confirmed", "requires_confirmation"),
        (_, Cards.AuthenticationRequired) => new Answer(200, Intent: intent with
        {
            Status = "requires_action",
            NextAction = new NextAction(new RedirectToUrl(request.Page + intent.Id, request.ReturnUrl)),
        }),
        (_, Cards.ProcessingSucceeds or Cards.ProcessingFails) => new Answer(200, Intent: intent with
        {
            Status = "processing",
            SandboxDecidesAt = (now + request.Processing).ToUnixTimeMilliseconds(),
        }),
        _ => Decide(intent, Cards.DeclineOnAuthorize(intent.PaymentMethod)),
    };

    /// <summary>What the customer made of a payment that waited for her.</summary>
    public static Answer Authenticate(Intent intent, bool succeeded) => intent.Status == "requires_action"
        ? Decide(intent, succeeded ? null : Cards.AuthenticationFailed)
        : UnexpectedState(intent, "authenticated", "requires_action");

    public static Answer Decide(Intent intent, CardError? decline)
    {
        intent = intent with { NextAction = null, SandboxDecidesAt = null };
        if (decline is not null)
        {
            intent = intent with { Status = "requires_payment_method", LastPaymentError = decline };
            return new Answer(402, "declined", intent, Error: CardDeclined(decline, intent));
        }

        return intent.CaptureMethod == "manual"
            ? new Answer(200, "authorized", intent with { Status = "requires_capture", AmountCapturable = intent.Amount })
            : new Answer(200, "captured", intent with { Status = "succeeded", AmountReceived = intent.Amount });
    }

    public static Answer Capture(Intent intent, long? amount)
    {
        if (intent.Status != "requires_capture")
        {
            return UnexpectedState(intent, "captured", "requires_capture");
        }

        if (amount > intent.AmountCapturable)
        {
            return Answer.Failed(400, StripeError.Invalid(
                "The amount to capture is greater than the remaining amount capturable.", "amount_to_capture", "amount_too_large"));
        }

        if (Cards.DeclineOnCapture(intent.PaymentMethod) is { } decline)
        {
            var refused = intent with { LastPaymentError = decline };
            return new Answer(402, Intent: refused, Error: CardDeclined(decline, refused));
        }

        return new Answer(200, "captured", intent with
        {
            Status = "succeeded",
            AmountCapturable = 0,
            AmountReceived = amount ?? intent.AmountCapturable,
        });
    }

    public static Answer Cancel(Intent intent, string? reason, DateTimeOffset now) =>
        intent.Status is "requires_capture" or "requires_payment_method" or "requires_confirmation" or "requires_action"
            ? new Answer(200, intent.Status == "requires_capture" ? "voided" : null, intent with
            {
                Status = "canceled",
                AmountCapturable = 0,
                NextAction = null,
                CancellationReason = reason,
                CanceledAt = now.ToUnixTimeSeconds(),
            })
            : UnexpectedState(intent, "canceled", "requires_payment_method, requires_capture, requires_confirmation, requires_action");

    public static Answer Refund(Intent intent, long? amount, string id, IReadOnlyDictionary<string, string> metadata, DateTimeOffset now)
    {
        if (intent.Status != "succeeded")
        {
            return Answer.Failed(400, StripeError.Invalid(
                "This PaymentIntent does not have a successful charge to refund.", "payment_intent", "charge_not_refundable").About(intent));
        }

        var open = intent.AmountReceived - intent.AmountRefunded;
        var refunded = amount ?? open;
        if (open == 0)
        {
            return Answer.Failed(400, StripeError.Invalid("The charge has already been refunded.", "payment_intent", "charge_already_refunded").About(intent));
        }

        if (refunded > open)
        {
            return Answer.Failed(400, StripeError.Invalid("The refund is greater than the unrefunded amount on the charge.", "amount"));
        }

        return new Answer(
            200,
            "refunded",
            intent with { AmountRefunded = intent.AmountRefunded + refunded },
            new Refund(id, refunded, intent.Currency, intent.Id, "succeeded", now.ToUnixTimeSeconds(), metadata));
    }

    private static StripeError CardDeclined(CardError decline, Intent intent) =>
        new(decline.Type, decline.Message) { Code = decline.Code, DeclineCode = decline.DeclineCode, PaymentIntent = intent };

    private static Answer UnexpectedState(Intent intent, string verb, string expected) => Answer.Failed(400, StripeError.Invalid(
        $"This PaymentIntent could not be {verb} because it has a status of {intent.Status}. It must have one of: {expected}.",
        code: "payment_intent_unexpected_state").About(intent));
}
