using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orders.Payments;
using Shop.Contracts;

namespace Orders.Tests.Payments;

/// <summary>
/// Whatever a provider, or something between it and us, can answer: the gateway as the service wires it never takes it for a decision that was not made.
/// </summary>
public sealed class Answers_of_somebody_else : IAsyncLifetime
{
    private const string Good =
        """{"id":"pi_1","amount":1999,"currency":"eur","status":"requires_capture","created":1764140000,"latest_charge":{"amount_refunded":0},"livemode":false}""";

    private static readonly Money Price = new(19.99m, "EUR");

    private readonly List<(string? Key, string? Version)> _requests = [];
    private WebApplication _provider = null!;
    private RequestDelegate _answer = _ => Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _provider = WebApplication.CreateSlimBuilder().Build();
        _provider.Urls.Add("http://127.0.0.1:0");
        _provider.Run(http =>
        {
            _requests.Add((http.Request.Headers["Idempotency-Key"], http.Request.Headers["Stripe-Version"]));
            return _answer(http);
        });
        await _provider.StartAsync();
    }

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Theory]
    [InlineData(200, "<html>Please sign in</html>")]
    [InlineData(200, "")]
    [InlineData(200, "null")]
    [InlineData(200, "[]")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"id":"pi_1","amount":1999,"currency":"eur","created":1764140000}""")]
    [InlineData(200, """{"id":null,"amount":1999,"currency":"eur","status":"requires_capture","created":1764140000}""")]
    [InlineData(200, """{"id":"pi_1","amount":"many","currency":"eur","status":"requires_capture","created":1764140000}""")]
    [InlineData(204, "")]
    [InlineData(400, "<html>Bad request</html>")]
    [InlineData(402, "<html>Payment required</html>")]
    [InlineData(402, "{}")]
    [InlineData(402, "[]")]
    [InlineData(402, """{"error":null}""")]
    [InlineData(402, """{"error":"no"}""")]
    [InlineData(403, """{"error":{"type":"invalid_request_error"}}""")]
    [InlineData(500, "null")]
    public async Task That_say_nothing_of_the_payment_leave_its_outcome_unknown(int status, string body)
    {
        _answer = Says(status, body);
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default))).ShouldBeOfType<PaymentOutcome.Unknown>();
        (await Ask(g => g.Refund(Guid.CreateVersion7(), "pi_1", default))).ShouldBeOfType<PaymentOutcome.Unknown>();
    }

    [Theory]
    [InlineData("requires_action")]
    [InlineData("processing")]
    [InlineData("a_status_of_next_year")]
    public async Task That_have_not_decided_yet_are_pending_and_known_by_their_reference(string status)
    {
        _answer = Says(200, Good.Replace("requires_capture", status, StringComparison.Ordinal));
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default)))
            .ShouldBeOfType<PaymentOutcome.Pending>().Payment.ShouldSatisfyAllConditions(p => p.Reference.ShouldBe("pi_1"), p => p.WaitsFor.ShouldBe(status));
    }

    [Theory]
    [InlineData("""{"error":{"type":"card_error","code":"card_declined","decline_code":"lost_card"}}""", "lost_card")]
    [InlineData("""{"error":{"type":"a_type_of_next_year","code":"a_code_of_next_year","a_member":[1]}}""", "a_code_of_next_year")]
    public async Task That_refuse_for_a_reason_of_next_year_refuse_all_the_same(string body, string code)
    {
        _answer = Says(402, body);
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default))).ShouldBeOfType<PaymentOutcome.Declined>().Code.ShouldBe(code);
    }

    [Theory]
    [InlineData("succeeded", 0, true)]
    [InlineData("succeeded", 1999, false)]
    public async Task That_refuse_a_refund_say_why_unless_the_money_is_back(string status, long refunded, bool isRefused)
    {
        var now = Good.Replace("requires_capture", status, StringComparison.Ordinal).Replace(
            "\"amount_refunded\":0", $"\"amount_refunded\":{refunded}", StringComparison.Ordinal);
        _answer = http => (http.Request.Method == "GET"
            ? Says(200, now)
            : Says(400, """{"error":{"type":"invalid_request_error","code":"balance_insufficient"}}"""))(
            http);
        var outcome = await Ask(g => g.Refund(Guid.CreateVersion7(), "pi_1", default));
        (outcome is PaymentOutcome.Declined { Code: "balance_insufficient" }).ShouldBe(isRefused);
        (outcome is PaymentOutcome.Approved { Payment.Status: PaymentState.Refunded }).ShouldBe(!isRefused);
    }

    [Fact]
    public async Task That_stop_in_the_middle_are_waited_for_no_longer_than_others()
    {
        _answer = async http =>
        {
            http.Response.ContentLength = Good.Length;
            await http.Response.WriteAsync(Good[..20]);
            await http.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default))).ShouldBe(new PaymentOutcome.Unknown("no answer in time"));
        _requests.Count.ShouldBe(2, "and it is asked for again at once");
    }

    [Fact]
    public async Task That_break_off_in_the_middle_are_asked_for_again_at_once()
    {
        _answer = async http =>
        {
            http.Response.ContentLength = Good.Length;
            await http.Response.WriteAsync(_requests.Count > 1 ? Good : Good[..20]);
            await http.Response.Body.FlushAsync();
            if (_requests.Count == 1)
            {
                http.Abort();
            }
        };
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default))).ShouldBeOfType<PaymentOutcome.Approved>();
    }

    [Fact]
    public async Task That_do_not_end_are_not_kept_in_memory()
    {
        _answer = async http =>
        {
            var plenty = new byte[1024 * 1024];
            for (var sent = 0; sent < 64 && !http.RequestAborted.IsCancellationRequested; sent++)
            {
                await http.Response.Body.WriteAsync(plenty, http.RequestAborted);
            }
        };
        (await Ask(
            g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default),
            ("Payments:TryTimeout", "00:00:20"),
            ("Payments:TotalTimeout", "00:01:00")))
            .ShouldBe(new PaymentOutcome.Unknown("the connection broke"));
    }

    [Fact]
    public async Task That_point_elsewhere_are_not_followed()
    {
        _answer = http =>
        {
            http.Response.StatusCode = http.Request.Path == "/elsewhere" ? 200 : 302;
            http.Response.Headers.Location = "/elsewhere";
            return http.Response.WriteAsync(Good);
        };
        (await Ask(g => g.Authorize(Guid.CreateVersion7(), Price, "pm_card_visa", default))).ShouldBe(new PaymentOutcome.Unknown("the provider answered 302"));
    }

    [Fact]
    public async Task Are_asked_for_in_the_version_that_we_were_written_for_and_with_the_orders_key()
    {
        _answer = Says(200, Good);
        var order = Guid.CreateVersion7();
        (await Ask(g => g.Authorize(order, Price, "pm_card_visa", default))).ShouldBeOfType<PaymentOutcome.Approved>();
        (await Ask(g => g.Capture(order, "pi_1", default))).ShouldBeOfType<PaymentOutcome.Approved>();
        (await Ask(g => g.ConfirmAsync(new PaymentKey(order, 2), "pi_1", default))).ShouldBeOfType<PaymentOutcome.Approved>();
        _requests.ShouldBe(
        [
            ($"order-{order}-authorize", "2025-09-30.clover"), ($"order-{order}-capture", "2025-09-30.clover"), ($"order-{order}-confirm-2", "2025-09-30.clover"),
        ]);
    }

    private static RequestDelegate Says(int status, string body) => http =>
    {
        http.Response.StatusCode = status;
        return body == "" ? Task.CompletedTask : http.Response.WriteAsync(body);
    };

    private async Task<PaymentOutcome> Ask(Func<IPaymentGateway, Task<PaymentOutcome>> question, params (string Key, string Value)[] settings)
    {
        Dictionary<string, string?> all = new()
        {
            ["Payments:BaseUrl"] = _provider.Urls.Single(),
            ["Payments:ApiKey"] = "a-key-of-these-tests",
            ["Payments:Retries"] = "1",
            ["Payments:RetryDelay"] = "00:00:00.001",
            ["Payments:TryTimeout"] = "00:00:01",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        await using var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(all).Build())
            .AddLogging()
            .AddFulfilmentAndPayments()
            .BuildServiceProvider();
        return await question(services.GetRequiredService<IPaymentGateway>());
    }
}
