using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Shop.Contracts;

namespace Orders.Payments;

/// <summary>The PaymentIntents API, as far as fulfilment needs it. Works against the sandbox and, by configuration, against a real account.</summary>
public sealed partial class StripePaymentGateway(
    HttpClient http, PaymentPipeline pipeline, IOptions<PaymentsOptions> options, ILogger<StripePaymentGateway> logger)
    : IPaymentGateway
{
    /// <summary>What these requests are written for. Otherwise the account's own version would decide, and newer ones refuse parameters of this one.</summary>
    private const string ApiVersion = "2025-09-30.clover";

    /// <summary>Only the charge knows what was refunded of it.</summary>
    private const string Expand = "expand[]";
    private const string LatestCharge = "latest_charge";

    private const string AlreadyRefunded = "charge_already_refunded";

    /// <summary>An answer without the members that decisions rest on is none.</summary>
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <remarks>
    /// The key is the one under which earlier versions made and confirmed a payment in one request: the provider takes it for one of the two, and refuses the
    /// other.
    /// </remarks>
    public async Task<PaymentOutcome> CreateAsync(PaymentKey key, Money amount, string paymentMethod, CancellationToken ct) =>
        MinorUnits.Of(amount) is { } minor
            ? await ChangeAsync(
                "v1/payment_intents",
                key.For("authorize"),
                new()
                {
                    ["amount"] = minor.ToString(CultureInfo.InvariantCulture),
                    ["currency"] = amount.Currency.ToLowerInvariant(),
                    ["payment_method"] = paymentMethod,
                    ["payment_method_types[]"] = "card",
                    ["capture_method"] = "manual",
                    [Expand] = LatestCharge,
                    ["metadata[order_id]"] = key.OrderId.ToString(),
                },
                ct)
            : new PaymentOutcome.Declined("amount_not_chargeable");

    public Task<PaymentOutcome> ConfirmAsync(PaymentKey key, string reference, CancellationToken ct)
    {
        var form = new Dictionary<string, string> { [Expand] = LatestCharge };
        if (options.Value.ReturnUrl is { } returnUrl)
        {
            form["return_url"] = returnUrl.ToString();
        }

        return ChangeAsync($"v1/payment_intents/{Uri.EscapeDataString(reference)}/confirm", key.For("confirm"), form, ct);
    }

    public Task<PaymentOutcome> CaptureAsync(PaymentKey key, string reference, CancellationToken ct) =>
        ChangeAsync($"v1/payment_intents/{Uri.EscapeDataString(reference)}/capture", key.For("capture"), new() { [Expand] = LatestCharge }, ct);

    public Task<PaymentOutcome> VoidAsync(PaymentKey key, string reference, CancellationToken ct) =>
        ChangeAsync($"v1/payment_intents/{Uri.EscapeDataString(reference)}/cancel", key.For("void"), new() { [Expand] = LatestCharge }, ct);

    public Task<PaymentOutcome> RefundAsync(PaymentKey key, string reference, CancellationToken ct) => TryAsync<PaymentOutcome>(
        async () =>
        {
            // A refund is a thing of its own at the provider; what it means for the payment is read from there.
            var answer = await SendAsync(
                HttpMethod.Post,
                "v1/refunds",
                key.For("refund"),
                new() { ["payment_intent"] = reference, ["metadata[order_id]"] = key.OrderId.ToString() },
                ct);
            var refused = answer.IsSuccess ? null : Outcome(answer);
            if (refused is PaymentOutcome.Unknown { Reason: not AlreadyRefunded } unsettled)
            {
                return unsettled;
            }

            return await GetAsync(reference, ct) switch
            {
                Lookup.Found { Payment.Status: PaymentState.Captured } when refused is PaymentOutcome.Declined declined => declined,
                Lookup.Found found => PaymentOutcome.Of(found.Payment),
                Lookup.Unknown unknown => new PaymentOutcome.Unknown(unknown.Reason),
                _ => new PaymentOutcome.Unknown("the provider does not know the payment"),
            };
        },
        reason => new PaymentOutcome.Unknown(reason));

    public Task<Lookup> GetAsync(string reference, CancellationToken ct) => LookAsync(
        $"v1/payment_intents/{Uri.EscapeDataString(reference)}?{Expand}={LatestCharge}",
        answer => answer.Status == HttpStatusCode.NotFound ? new Lookup.None() : new Lookup.Found(Read<Intent>(answer).ToPayment()),
        ct);

    public Task<Lookup> FindAsync(Guid orderId, CancellationToken ct) => LookAsync(
        $"v1/payment_intents/search?query={Uri.EscapeDataString($"metadata['order_id']:'{orderId}'")}&{Expand}=data.{LatestCharge}",
        answer => Read<Listing>(answer).Data.Select(i => i.ToPayment()).OrderBy(p => p.IsUnconfirmed).FirstOrDefault() is { } payment
            ? new Lookup.Found(payment)
            : new Lookup.None(),
        ct);

    public async IAsyncEnumerable<IReadOnlyList<ProviderPayment>> ListAsync(DateTimeOffset? since, [EnumeratorCancellation] CancellationToken ct)
    {
        var from = since is { } time ? $"&created[gte]={time.ToUnixTimeSeconds()}" : "";
        for (string? after = null; ;)
        {
            var path = $"v1/payment_intents?limit=100&{Expand}=data.{LatestCharge}{from}{(after is null ? "" : $"&starting_after={after}")}";
            var page = Read<Listing>(await SendAsync(HttpMethod.Get, path, null, null, ct));
            if (page.Data.Count > 0)
            {
                yield return [.. page.Data.Select(i => i.ToPayment())];
            }

            if (!page.HasMore || page.Data.Count == 0)
            {
                yield break;
            }

            after = page.Data[^1].Id;
        }
    }

    private Task<PaymentOutcome> ChangeAsync(string path, string key, Dictionary<string, string> form, CancellationToken ct) =>
        TryAsync(async () => Outcome(await SendAsync(HttpMethod.Post, path, key, form, ct)), reason => new PaymentOutcome.Unknown(reason));

    private Task<Lookup> LookAsync(string path, Func<ProviderAnswer, Lookup> read, CancellationToken ct) =>
        TryAsync(async () => read(await SendAsync(HttpMethod.Get, path, null, null, ct)), reason => new Lookup.Unknown(reason));

    private static async Task<T> TryAsync<T>(Func<Task<T>> ask, Func<string, T> unknown)
    {
        try
        {
            return await ask();
        }
        catch (PaymentProviderUnavailableException e)
        {
            return unknown(e.Message);
        }
    }

    private PaymentOutcome Outcome(ProviderAnswer answer)
    {
        if (answer.IsSuccess)
        {
            return PaymentOutcome.Of(Read<Intent>(answer).ToPayment());
        }

        var error = TryRead<ErrorBody>(answer)?.Error ?? new Error();
        switch ((int)answer.Status, error.Type)
        {
            case (402, not null):
                return new PaymentOutcome.Declined(error.DeclineCode ?? error.Code ?? "declined", error.PaymentIntent?.ToPayment());

            // The request itself was wrong, so it had no effect and never will. What the payment's state forbids is another matter: that state must be looked
            // at.
            case (400, "invalid_request_error") when error.Code is not ("payment_intent_unexpected_state" or "charge_not_refundable" or AlreadyRefunded):
                LogRefused(logger, error.Code, error.Param);
                return new PaymentOutcome.Declined(error.Code ?? "invalid_request", error.PaymentIntent?.ToPayment());

            default:
                if (answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden || error.Type == "idempotency_error")
                {
                    LogMisconfigured(logger, (int)answer.Status, error.Type);
                }

                return new PaymentOutcome.Unknown(error.Code ?? Describe(answer), KeySpent: answer.Status >= HttpStatusCode.InternalServerError);
        }
    }

    private Task<ProviderAnswer> SendAsync(HttpMethod method, string path, string? key, Dictionary<string, string>? form, CancellationToken ct) =>
        pipeline.ExecuteAsync(
            async token =>
            {
                using var request = new HttpRequestMessage(method, new Uri(options.Value.BaseUrl, path));
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", options.Value.ApiKey);
                request.Headers.Add("Stripe-Version", ApiVersion);
                if (key is not null)
                {
                    request.Headers.Add("Idempotency-Key", key);
                }

                request.Content = form is null ? null : new FormUrlEncodedContent(form);
                using var answer = await http.SendAsync(request, token);
                return new ProviderAnswer(answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(token));
            },
            ct);

    private static string Describe(ProviderAnswer answer) =>
        $"the provider answered {(int)answer.Status}{(answer.IsSuccess ? " and nothing that can be read" : "")}";

    /// <exception cref="PaymentProviderUnavailableException">It is not what was asked for: a failure, or no answer of the provider at all.</exception>
    private static T Read<T>(ProviderAnswer answer)
        where T : class => (answer.IsSuccess ? TryRead<T>(answer) : null) ?? throw new PaymentProviderUnavailableException(Describe(answer));

    private static T? TryRead<T>(ProviderAnswer answer)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(answer.Body, Json);
        }
        catch (JsonException)
        {
            // Something in between answered, not the provider.
            return null;
        }
    }

    [LoggerMessage(4101, LogLevel.Warning, "The payment provider refused a request as invalid: {Code} {Parameter}",
        EventName = "payment_provider.request_refused")]
    private static partial void LogRefused(ILogger logger, string? code, string? parameter);

    [LoggerMessage(4102, LogLevel.Error, "The payment provider does not accept us: status {Status}, {Type}. Payments wait until this is mended",
        EventName = "payment_provider.access_refused")]
    private static partial void LogMisconfigured(ILogger logger, int status, string? type);

    private sealed record Listing(IReadOnlyList<Intent> Data, bool HasMore);

    private sealed record ErrorBody(Error? Error);

    private sealed record Error(string? Type = null, string? Code = null, string? DeclineCode = null, string? Param = null, Intent? PaymentIntent = null);

    private sealed record Intent(
        string Id, long Amount, string Currency, string Status, long Created,
        Dictionary<string, string>? Metadata = null, LastError? LastPaymentError = null, Charge? LatestCharge = null, Action? NextAction = null)
    {
        public ProviderPayment ToPayment()
        {
            var state = Status switch
            {
                "requires_capture" => PaymentState.Authorized,
                "succeeded" => LatestCharge is { AmountRefunded: > 0 } ? PaymentState.Refunded : PaymentState.Captured,
                "canceled" => PaymentState.Voided,
                "requires_payment_method" => PaymentState.Declined,
                _ => PaymentState.Pending,
            };
            return new ProviderPayment(
                Id,
                state,
                MinorUnits.ToMoney(Amount, Currency),
                Guid.TryParse(Metadata?.GetValueOrDefault("order_id"), out var order) ? order : null,
                LastPaymentError?.DeclineCode ?? LastPaymentError?.Code,
                DateTimeOffset.FromUnixTimeSeconds(Created),
                state == PaymentState.Pending ? Status : null,
                NextAction?.RedirectToUrl?.Url);
        }
    }

    private sealed record Action(Redirect? RedirectToUrl = null);

    private sealed record Redirect(string? Url = null);

    private sealed record LastError(string? Code = null, string? DeclineCode = null);

    private sealed record Charge(long AmountRefunded);
}
