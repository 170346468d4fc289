using System.Text.Json;
using System.Text.Json.Serialization;

namespace PaymentSandbox;

// The subset of the Stripe API's objects that the shop uses, with the API's own field names.

/// <param name="Id">Starts with <c>pi_</c>.</param>
/// <param name="Amount">In the currency's minor unit.</param>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="Status">
/// <c>requires_confirmation</c>, <c>requires_action</c>, <c>processing</c>, <c>requires_capture</c>, <c>succeeded</c>, <c>canceled</c> or
/// <c>requires_payment_method</c> (declined).
/// </param>
/// <param name="PaymentMethod">Decides how the sandbox answers, see <see cref="Cards"/>.</param>
/// <param name="CaptureMethod"><c>manual</c> or <c>automatic</c>.</param>
/// <param name="Created">Unix time in seconds.</param>
public sealed record Intent(
    string Id,
    long Amount,
    string Currency,
    string Status,
    string PaymentMethod,
    string CaptureMethod,
    long Created,
    IReadOnlyDictionary<string, string> Metadata)
{
    [JsonPropertyName("object")]
    public string Kind => "payment_intent";

    public long AmountCapturable { get; init; }

    public long AmountReceived { get; init; }

    public long AmountRefunded { get; init; }

    /// <summary>Always in full, as with <c>expand[]=latest_charge</c>.</summary>
    public Charge? LatestCharge =>
        Status is not ("requires_capture" or "succeeded" or "canceled") ? null : new Charge("ch_" + Id[3..], Amount, AmountReceived, AmountRefunded);

    public string? CancellationReason { get; init; }

    public long? CanceledAt { get; init; }

    public CardError? LastPaymentError { get; init; }

    public NextAction? NextAction { get; init; }

    /// <summary>When the sandbox decides on a payment that is processing, as Unix time in milliseconds. Not a field of the API.</summary>
    public long? SandboxDecidesAt { get; init; }

    public bool Livemode => false;
}

/// <summary>What the customer has to do.</summary>
public sealed record NextAction(RedirectToUrl RedirectToUrl)
{
    public string Type => "redirect_to_url";
}

public sealed record RedirectToUrl(string Url, string? ReturnUrl);

public sealed record Charge(string Id, long Amount, long AmountCaptured, long AmountRefunded)
{
    [JsonPropertyName("object")]
    public string Kind => "charge";
}

public sealed record CardError(string Type, string Code, string? DeclineCode, string Message);

public sealed record Refund(
    string Id, long Amount, string Currency, string PaymentIntent, string Status, long Created, IReadOnlyDictionary<string, string> Metadata)
{
    [JsonPropertyName("object")]
    public string Kind => "refund";
}

public sealed record StripeError(string Type, string Message)
{
    public string? Code { get; init; }

    public string? DeclineCode { get; init; }

    public string? Param { get; init; }

    public Intent? PaymentIntent { get; init; }

    public static StripeError Invalid(string message, string? param = null, string? code = null) =>
        new("invalid_request_error", message) { Param = param, Code = code };

    public StripeError About(Intent intent) => this with { PaymentIntent = intent };
}

public sealed record ErrorBody(StripeError Error);

public sealed record ListBody<T>(IReadOnlyList<T> Data, bool HasMore, string Url)
{
    [JsonPropertyName("object")]
    public string Kind => "list";
}

public static class StripeJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };
}
