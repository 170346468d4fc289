using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace PaymentSandbox;

/// <summary>The HTTP side of the payment API: parameters, idempotency keys, faults, errors.</summary>
internal sealed partial class PaymentApi(
    Ledger ledger, FaultBoard faults, IOptions<SandboxOptions> options, TimeProvider clock, IHostApplicationLifetime lifetime)
{
    private const string AuthenticationPage = "/sandbox/authentication/";

    private static readonly string[] Ignored = ["expand", "description", "confirm", "off_session", "return_url", "statement_descriptor"];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var v1 = routes.MapGroup("/v1").AddEndpointFilter(RequireKeyAsync);
        v1.MapPost("/payment_intents", (HttpContext http, PaymentApi api) => api.CreateAsync(http));
        v1.MapPost("/payment_intents/{id}/confirm", (HttpContext http, string id, PaymentApi api) => api.ConfirmAsync(http, id));
        v1.MapPost("/payment_intents/{id}/capture", (HttpContext http, string id, PaymentApi api) => api.CaptureAsync(http, id));
        v1.MapPost("/payment_intents/{id}/cancel", (HttpContext http, string id, PaymentApi api) => api.CancelAsync(http, id));
        v1.MapPost("/refunds", (HttpContext http, PaymentApi api) => api.RefundAsync(http));
        v1.MapGet("/payment_intents/{id}", (HttpContext http, string id, PaymentApi api) => api.RetrieveAsync(http, id));
        v1.MapGet("/payment_intents", (HttpContext http, PaymentApi api) => api.ListAsync(http));
        v1.MapGet("/payment_intents/search", (HttpContext http, PaymentApi api) => api.SearchAsync(http));

        // Where next_action sends the customer; like the real one's it takes no key.
        routes.MapGet(AuthenticationPage + "{id}", (string id, PaymentApi api) => api.Ask(id));
        routes.MapPost(AuthenticationPage + "{id}", (HttpContext http, string id, PaymentApi api) => api.AuthenticateAsync(http, id));
    }

    private async Task<IResult> CreateAsync(HttpContext http)
    {
        var form = await FormAsync(http);
        if (form.Unknown(
            "amount", "currency", "payment_method", "capture_method", "metadata", "payment_method_types", "automatic_payment_methods") is { } unknown)
        {
            return unknown;
        }

        if (form.Amount("amount") is not (> 0 and <= 99_999_999) || form.Invalid)
        {
            return Error(400, StripeError.Invalid("Invalid positive integer", "amount", "parameter_invalid_integer"));
        }

        if (form["currency"] is not { Length: 3 } currency || !currency.All(char.IsAsciiLetter))
        {
            return Error(400, StripeError.Invalid("Invalid currency: a three-letter ISO code is required.", "currency"));
        }

        if (form["payment_method"] is not { } paymentMethod || !Cards.IsKnown(paymentMethod))
        {
            return Error(400, StripeError.Invalid($"No such PaymentMethod: '{form["payment_method"]}'", "payment_method", "resource_missing"));
        }

        if (form["confirm"] is not (null or "true" or "false"))
        {
            return Error(400, StripeError.Invalid("Invalid boolean", "confirm", "parameter_invalid_boolean"));
        }

        var request = new CreateParameters(
            form.Amount("amount")!.Value, currency.ToLowerInvariant(), paymentMethod, form["capture_method"] ?? "automatic", form.Metadata);
        return await ExecuteAsync(http, "create", form, paymentMethod, request.Metadata.GetValueOrDefault("order_id"),
            (_, now) => Operations.Create(request, Ledger.NewId("pi_"), form["confirm"] == "true" ? Confirmation(http, form) : null, now));
    }

    private async Task<IResult> ConfirmAsync(HttpContext http, string id)
    {
        var form = await FormAsync(http);
        return form.Unknown()
            ?? await ChangeAsync(http, "confirm", id, form, (intent, now) => Operations.Confirm(intent, Confirmation(http, form), now));
    }

    private ConfirmParameters Confirmation(HttpContext http, Parameters form) =>
        new($"{http.Request.Scheme}://{http.Request.Host}{AuthenticationPage}", form["return_url"], TimeSpan.FromSeconds(options.Value.ProcessingSeconds));

    private IResult Ask(string id) => ledger.Find(id) is { Status: "requires_action" } intent
        ? Results.Content(LedgerPage.Authentication(intent), "text/html; charset=utf-8")
        : NoSuchIntent(id);

    private async Task<IResult> AuthenticateAsync(HttpContext http, string id)
    {
        var succeeded = (await FormAsync(http))["outcome"] == "succeed";
        if (ledger.Find(id) is not { } intent)
        {
            return NoSuchIntent(id);
        }

        var answer = ledger.Execute("authenticate", null, "", (intents, _) => Operations.Authenticate(intents[id], succeeded));
        return answer.Intent is null ? Json(answer.Status, answer.Body)
            : intent.NextAction?.RedirectToUrl.ReturnUrl is { } back ? Results.Redirect(back)
            : Json(200, answer.Intent);
    }

    private async Task<IResult> CaptureAsync(HttpContext http, string id)
    {
        var form = await FormAsync(http);
        return form.Unknown("amount_to_capture", "metadata")
            ?? await ChangeAsync(http, "capture", id, form, (intent, _) => Operations.Capture(intent, form.Amount("amount_to_capture")));
    }

    private async Task<IResult> CancelAsync(HttpContext http, string id)
    {
        var form = await FormAsync(http);
        return form.Unknown("cancellation_reason")
            ?? await ChangeAsync(http, "cancel", id, form, (intent, now) => Operations.Cancel(intent, form["cancellation_reason"], now));
    }

    private async Task<IResult> RefundAsync(HttpContext http)
    {
        var form = await FormAsync(http);
        return form.Unknown("payment_intent", "amount", "reason", "metadata")
            ?? await ChangeAsync(http, "refund", form["payment_intent"] ?? "", form,
                (intent, now) => Operations.Refund(intent, form.Amount("amount"), Ledger.NewId("re_"), form.Metadata, now));
    }

    private async Task<IResult> RetrieveAsync(HttpContext http, string id)
    {
        var intent = ledger.Find(id);
        return await StrikeAsync(http, faults.Draw("retrieve", intent?.PaymentMethod, intent?.Metadata.GetValueOrDefault("order_id")), before: true)
            ?? (intent is null ? NoSuchIntent(id) : Json(200, intent));
    }

    private async Task<IResult> ListAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var limit = int.TryParse(query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var asked) ? Math.Clamp(asked, 1, 100) : 10;
        var since = long.TryParse(query["created[gte]"], NumberStyles.None, CultureInfo.InvariantCulture, out var from) ? from : 0;
        var (page, more) = ledger.List(i => i.Created >= since, query["starting_after"].FirstOrDefault(), limit);
        return await StrikeAsync(http, faults.Draw("list", null, null), before: true) ?? Json(200, new ListBody<Intent>(page, more, "/v1/payment_intents"));
    }

    /// <summary>Understands the one query that the shop asks: <c>metadata['order_id']:'…'</c>.</summary>
    private async Task<IResult> SearchAsync(HttpContext http)
    {
        var match = OrderQuery().Match(http.Request.Query["query"].ToString());
        if (!match.Success)
        {
            return Error(400, StripeError.Invalid("The sandbox understands queries such as metadata['order_id']:'42'.", "query"));
        }

        var order = match.Groups["order"].Value;
        return await StrikeAsync(http, faults.Draw("retrieve", null, order), before: true)
            ?? Json(200, new ListBody<Intent>(ledger.OfOrder(order), false, "/v1/payment_intents/search"));
    }

    private Task<IResult> ChangeAsync(HttpContext http, string operation, string id, Parameters form, Func<Intent, DateTimeOffset, Answer> change)
    {
        if (form.Invalid)
        {
            return Task.FromResult(Error(400, StripeError.Invalid("Invalid positive integer", code: "parameter_invalid_integer")));
        }

        return ledger.Find(id) is { } intent
            ? ExecuteAsync(
                http, operation, form, intent.PaymentMethod, intent.Metadata.GetValueOrDefault("order_id"), (intents, now) => change(intents[id], now))
            : Task.FromResult(NoSuchIntent(id));
    }

    private async Task<IResult> ExecuteAsync(
        HttpContext http,
        string operation,
        Parameters form,
        string paymentMethod,
        string? orderId,
        Func<IReadOnlyDictionary<string, Intent>, DateTimeOffset, Answer> execute)
    {
        var key = http.Request.Headers["Idempotency-Key"].FirstOrDefault();
        if (key is { Length: > 255 or 0 })
        {
            return Error(400, StripeError.Invalid("Idempotency keys are 1 to 255 characters long."));
        }

        var fingerprint = form.Fingerprint(http.Request.Path);
        switch (ledger.TryClaim(key, fingerprint))
        {
            case Claim.OtherParameters:
                return Error(400, new StripeError("idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."));
            case Claim.InProgress:
                return Error(409, new StripeError("invalid_request_error", "There is another request in progress with the same idempotency key.")
                {
                    Code = "idempotency_key_in_use",
                });
            case Claim.Replay replay:
                http.Response.Headers["Idempotent-Replayed"] = "true";
                return await StrikeAsync(http, faults.Draw(operation, paymentMethod, orderId), before: null) ?? Json(replay.Answer.Status, replay.Answer.Body);
        }

        try
        {
            var flaky = paymentMethod == Cards.Flaky ? faults.Count(key ?? fingerprint) : 0;
            var struck = faults.Draw(operation, paymentMethod, orderId);
            if (flaky == 1)
            {
                return ProviderFailure(503);
            }

            if (await StrikeAsync(http, struck, before: true) is { } failure)
            {
                return failure;
            }

            if (paymentMethod == Cards.StoredError && faults.Count($"{operation} {orderId}") == 1)
            {
                execute = (_, _) => Answer.Failed(500, Unwell);
            }

            var answer = ledger.Execute(operation, key, fingerprint, execute);
            if ((operation == "confirm" || form["confirm"] == "true") && paymentMethod == Cards.Slow)
            {
                await WaitAsync(TimeSpan.FromSeconds(options.Value.SlowSeconds));
            }

            return flaky == 2 ? ProviderFailure(500) : await StrikeAsync(http, struck, before: false) ?? Json(answer.Status, answer.Body);
        }
        finally
        {
            ledger.Release(key);
        }
    }

    private static StripeError Unwell { get; } = new("api_error", "The payment provider is unwell.");

    /// <summary>Lets the faults of one phase happen, or of both when <paramref name="before"/> is null. A result means that the request ends with it.</summary>
    private async Task<IResult?> StrikeAsync(HttpContext http, IReadOnlyList<FaultRule> struck, bool? before)
    {
        foreach (var rule in struck.Where(r => before is null || before == r.Kind is FaultKind.Latency or FaultKind.ErrorBefore or FaultKind.DropBefore))
        {
            switch (rule.Kind)
            {
                case FaultKind.Latency or FaultKind.LateAnswer:
                    await WaitAsync(TimeSpan.FromMilliseconds(rule.DelayMs));
                    break;
                case FaultKind.ErrorBefore or FaultKind.ErrorAfter:
                    return ProviderFailure(rule.Status);
                default:
                    http.Abort();
                    return Results.Empty;
            }
        }

        return null;
    }

    // A caller that hangs up does not stop the provider: the wait ends with the process, not with the request.
    private async Task WaitAsync(TimeSpan delay) =>
        await Task.Delay(delay, clock, lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static IResult ProviderFailure(int status) => Error(status, Unwell);

    private static IResult NoSuchIntent(string id) =>
        Error(404, StripeError.Invalid($"No such payment_intent: '{id}'", "intent", "resource_missing"));

    private static IResult Error(int status, StripeError error) => Json(status, new ErrorBody(error));

    private static IResult Json(int status, object body) => Results.Json(body, StripeJson.Options, statusCode: status);

    private static async ValueTask<object?> RequireKeyAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var expected = http.RequestServices.GetRequiredService<IOptions<SandboxOptions>>().Value.ApiKey;
        var given = PresentedKey(http.Request.Headers.Authorization.ToString());
        if (given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected)))
        {
            return await next(context);
        }

        http.Response.Headers.WWWAuthenticate = "Bearer realm=\"payments\"";
        return Error(401, StripeError.Invalid(given is null ? "You did not provide an API key." : "Invalid API Key provided."));
    }

    private static string? PresentedKey(string authorization)
    {
        if (authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return authorization[7..].Trim();
        }

        if (!authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var buffer = new byte[authorization.Length];
        return Convert.TryFromBase64String(authorization[6..].Trim(), buffer, out var length)
            ? Encoding.UTF8.GetString(buffer, 0, length).Split(':')[0]
            : null;
    }

    private static async Task<Parameters> FormAsync(HttpContext http) =>
        new(http.Request.HasFormContentType ? await http.Request.ReadFormAsync() : FormCollection.Empty);

    [GeneratedRegex(@"^\s*metadata\[['""]order_id['""]\]\s*:\s*['""](?<order>[^'""]+)['""]\s*$")]
    private static partial Regex OrderQuery();

    private sealed class Parameters(IFormCollection form)
    {
        /// <summary>An amount was given that is none.</summary>
        public bool Invalid { get; private set; }

        public IReadOnlyDictionary<string, string> Metadata { get; } = form
            .Where(p => p.Key.StartsWith("metadata[", StringComparison.Ordinal) && p.Key.EndsWith(']'))
            .ToDictionary(p => p.Key["metadata[".Length..^1], p => p.Value.ToString());

        public string? this[string name] => form.TryGetValue(name, out var value) ? value.ToString() : null;

        public long? Amount(string name)
        {
            if (this[name] is not { } text)
            {
                return null;
            }

            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var amount) && amount > 0)
            {
                return amount;
            }

            Invalid = true;
            return null;
        }

        public IResult? Unknown(params string[] known)
        {
            var unknown = form.Keys.Select(k => k.Split('[')[0]).FirstOrDefault(k => !known.Contains(k) && !Ignored.Contains(k));
            return unknown is null ? null : Error(400, StripeError.Invalid($"Received unknown parameter: {unknown}", unknown, "parameter_unknown"));
        }

        /// <summary>The same for the same request, whatever the order of its parameters.</summary>
        public string Fingerprint(string path)
        {
            var canonical = form.OrderBy(p => p.Key, StringComparer.Ordinal).Select(
                p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value.ToString())}");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path + "?" + string.Join('&', canonical))).AsSpan(0, 16));
        }
    }
}
