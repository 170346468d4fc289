using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orders.Payments;
using Shop.Contracts;

namespace Orders.Tests.Payments;

public sealed class The_gateway : IAsyncLifetime
{
    private static readonly Money Price = new(19.99m, "EUR");

    private readonly Guid _order = Guid.CreateVersion7();
    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly List<PaymentPipeline> _pipelines = [];
    private readonly StandingClock _clock = new();
    private Sandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await Sandbox.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _pipelines.ForEach(p => p.Dispose());
        _http.Dispose();
        await _sandbox.DisposeAsync();
    }

    [Fact]
    public async Task Authorizes_captures_and_refunds()
    {
        var gateway = Gateway();
        var authorized = (await gateway.Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment;
        authorized.Status.ShouldBe(PaymentState.Authorized);
        authorized.Amount.ShouldBe(Price);
        authorized.OrderId.ShouldBe(_order);

        (await gateway.Capture(_order, authorized.Reference, default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment.Status.ShouldBe(PaymentState.Captured);
        (await gateway.Refund(_order, authorized.Reference, default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment.Status.ShouldBe(PaymentState.Refunded);
        (await gateway.Refund(_order, authorized.Reference, default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment.Status.ShouldBe(PaymentState.Refunded);
        (await _sandbox.Movements(_order)).ShouldBe(["authorized", "captured", "refunded"]);
    }

    [Fact]
    public async Task Voids_what_was_authorized()
    {
        var gateway = Gateway();
        var authorized = (PaymentOutcome.Approved)await gateway.Authorize(_order, Price, "pm_card_visa", default);
        (await gateway.Void(_order, authorized.Payment.Reference, default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment.Status.ShouldBe(
            PaymentState.Voided);
    }

    [Fact]
    public async Task Makes_a_payment_before_any_money_moves_and_can_cancel_it_as_it_is()
    {
        var gateway = Gateway();
        var made = (await gateway.CreateAsync(new PaymentKey(_order, 0), Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Created>().Payment;
        (await gateway.GetAsync(made.Reference, default)).ShouldBeOfType<Lookup.Found>().Payment.IsUnconfirmed.ShouldBeTrue();
        (await gateway.Void(_order, made.Reference, default)).ShouldBeOfType<PaymentOutcome.Approved>().Payment.Status.ShouldBe(PaymentState.Voided);
        (await _sandbox.Movements(_order)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("pm_card_authentication_required", "requires_action")]
    [InlineData("pm_card_processing_succeeds", "processing")]
    public async Task Takes_a_payment_that_waits_for_pending(string card, string waitsFor)
    {
        var pending = (await Gateway().Authorize(_order, Price, card, default)).ShouldBeOfType<PaymentOutcome.Pending>().Payment;
        pending.WaitsFor.ShouldBe(waitsFor);
        (pending.NextActionUrl is not null).ShouldBe(waitsFor == "requires_action");
    }

    [Fact]
    public async Task Gets_past_a_failure_that_the_provider_keeps_under_a_key_with_the_next_key()
    {
        var gateway = Gateway(o => o with { Retries = 1 });
        for (var i = 0; i < 2; i++)
        {
            (await gateway.CreateAsync(
                new PaymentKey(_order, 0), Price, "pm_card_stored_error", default)).ShouldBeOfType<PaymentOutcome.Unknown>().KeySpent.ShouldBeTrue();
        }

        (await gateway.CreateAsync(new PaymentKey(_order, 1), Price, "pm_card_stored_error", default)).ShouldBeOfType<PaymentOutcome.Created>();
    }

    [Theory]
    [InlineData("pm_card_declined", "generic_decline")]
    [InlineData("pm_card_insufficient_funds", "insufficient_funds")]
    [InlineData("pm_that_nobody_issued", "resource_missing")]
    public async Task Tells_a_refusal_from_trouble(string card, string code) =>
        (await Gateway().Authorize(_order, Price, card, default)).ShouldBeOfType<PaymentOutcome.Declined>().Code.ShouldBe(code);

    [Fact]
    public async Task Asks_again_until_the_flaky_card_answers_and_charges_once()
    {
        (await Gateway().Authorize(_order, Price, "pm_card_flaky", default)).ShouldBeOfType<PaymentOutcome.Approved>();
        (await _sandbox.Movements(_order)).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task Does_not_know_the_outcome_when_the_answer_is_too_late_and_finds_it_by_the_order()
    {
        await _sandbox.Fault(new { kind = "late_answer", operation = "confirm", delay_ms = 300_000 });
        var gateway = Gateway(o => o with { TryTimeout = TimeSpan.FromSeconds(1), TotalTimeout = TimeSpan.FromSeconds(3), Retries = 1000 });
        var watch = Stopwatch.StartNew();
        (await gateway.Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Unknown>();
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(1), "the total time-out bounds the wait");

        (await Gateway().FindAsync(_order, default)).ShouldBeOfType<Lookup.Found>().Payment.Status.ShouldBe(PaymentState.Authorized);
        (await _sandbox.Movements(_order)).ShouldBe(["authorized"]);
    }

    [Theory]
    [InlineData("drop_before")]
    [InlineData("drop_after")]
    [InlineData("error_before")]
    [InlineData("error_after")]
    public async Task Survives_a_lost_answer_without_charging_twice(string kind)
    {
        await _sandbox.Fault(new { kind, count = 2 });
        (await Gateway().Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Approved>();
        (await _sandbox.Movements(_order)).ShouldBe(["authorized"]);
    }

    /// <summary>
    /// Two processes that both believe it is their turn, and one that forgot to look first: the provider knows them by the key that follows from the order.
    /// </summary>
    [Fact]
    public async Task Charges_once_however_often_it_is_asked_for_one_order()
    {
        await _sandbox.Fault(new { kind = "latency", delay_ms = 200, count = 2 });
        PaymentOutcome[] outcomes =
        [
            .. await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Gateway().Authorize(_order, Price, "pm_card_visa", default))),
            await Gateway().Authorize(_order, Price, "pm_card_visa", default),
        ];

        outcomes[^1].ShouldBeOfType<PaymentOutcome.Approved>();
        outcomes.OfType<PaymentOutcome.Approved>().Select(o => o.Payment.Reference).Distinct().ShouldHaveSingleItem();
        (await _sandbox.Movements(_order)).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task Spares_a_provider_that_keeps_failing_and_comes_back_when_it_is_well()
    {
        await _sandbox.Fault(new { kind = "error_before" });
        var gateway = Gateway(o => o with { BreakerMinimumThroughput = 4, BreakDuration = TimeSpan.FromMinutes(10), Retries = 1 });
        for (var i = 0; i < 4; i++)
        {
            (await gateway.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Unknown>();
        }

        (await gateway.Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Unknown>().Reason.ShouldContain("spared");

        await _sandbox.NoFaults();
        _clock.Now += TimeSpan.FromMinutes(11);
        (await gateway.Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Approved>();
        (await _sandbox.Movements(_order)).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task Turns_away_more_calls_than_it_may_hold()
    {
        await _sandbox.Fault(new { kind = "latency", delay_ms = 400 });
        var gateway = Gateway(o => o with { MaxConcurrency = 2 });
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => gateway.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default)));
        outcomes.Count(o => o is PaymentOutcome.Approved).ShouldBe(4);
        outcomes.Count(o => o is PaymentOutcome.Unknown { Reason: "too many payments at once" }).ShouldBe(6);
    }

    [Fact]
    public async Task Never_takes_a_wrong_key_for_a_declined_card() =>
        (await Gateway(o => o with { ApiKey = "sk_test_wrong" }).Authorize(_order, Price, "pm_card_visa", default)).ShouldBeOfType<PaymentOutcome.Unknown>();

    [Fact]
    public async Task Does_not_know_the_outcome_when_nobody_is_there() =>
        (await Gateway(o => o with { BaseUrl = new Uri("http://127.0.0.1:1"), Retries = 1 }).Authorize(_order, Price, "pm_card_visa", default))
            .ShouldBeOfType<PaymentOutcome.Unknown>().Reason.ShouldBe("not reachable");

    [Fact]
    public async Task Lists_every_payment_of_the_provider()
    {
        var gateway = Gateway();
        await Task.WhenAll(Enumerable.Range(0, 130).Select(_ => gateway.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default)));
        var all = new List<ProviderPayment>();
        await foreach (var page in gateway.ListAsync(null, default))
        {
            all.AddRange(page);
        }

        all.Select(p => p.Reference).Distinct().Count().ShouldBe(130);
    }

    [Theory]
    [InlineData("19.99", "EUR", 1999L)]
    [InlineData("19.990", "EUR", 1999L)]
    [InlineData("0", "EUR", 0L)]
    [InlineData("1200", "JPY", 1200L)]
    [InlineData("1.239", "LYD", 1239L)]
    [InlineData("1.230", "KWD", 1230L)]
    [InlineData("20", "MGA", 20L)]
    [InlineData("5", "UGX", 500L)]
    [InlineData("5", "ISK", 500L)]
    [InlineData("1.234", "KWD", null)]
    [InlineData("0.125", "EUR", null)]
    [InlineData("19.99", "MGA", null)]
    [InlineData("5.5", "UGX", null)]
    [InlineData("-1", "EUR", null)]
    [InlineData("1", "XXX", null)]
    [InlineData("79228162514264337593543950335", "EUR", null)]
    public void Counts_in_the_minor_unit_of_the_currency_and_rounds_nothing(string amount, string currency, long? minor)
    {
        var money = new Money(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), currency);
        MinorUnits.Of(money).ShouldBe(minor);
        if (minor is { } whole)
        {
            MinorUnits.ToMoney(whole, currency.ToLowerInvariant()).ShouldBe(money, "and the way back is the same");
        }
    }

    [Fact]
    public async Task Asks_nobody_for_an_amount_that_cannot_be_charged_as_it_is()
    {
        (await Gateway().Authorize(_order, new Money(0.125m, "EUR"), "pm_card_visa", default))
            .ShouldBeOfType<PaymentOutcome.Declined>().Code.ShouldBe("amount_not_chargeable");
        (await _sandbox.Movements(_order)).ShouldBeEmpty();
    }

    /// <summary>For one that is not changed no answer comes too late and no circuit opens, however busy the machine is.</summary>
    private StripePaymentGateway Gateway(Func<PaymentsOptions, PaymentsOptions>? change = null)
    {
        var options = new PaymentsOptions
        {
            BaseUrl = _sandbox.BaseUrl,
            ApiKey = Sandbox.ApiKey,
            RetryDelay = TimeSpan.FromMilliseconds(20),
            TryTimeout = TimeSpan.FromMinutes(1),
            TotalTimeout = TimeSpan.FromMinutes(5),
            MaxConcurrency = 100,
        };
        var wrapped = Options.Create(change?.Invoke(options) ?? options);
        var pipeline = new PaymentPipeline(wrapped, _clock);
        _pipelines.Add(pipeline);
        return new StripePaymentGateway(_http, pipeline, wrapped, NullLogger<StripePaymentGateway>.Instance);
    }

    /// <summary>Time stands still until a test moves it, so that no failure is too long ago to count; timers run.</summary>
    private sealed class StandingClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
