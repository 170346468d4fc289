using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;

namespace PaymentSandbox.Tests;

public sealed class FaultTests : IAsyncLifetime
{
    private RunningSandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await RunningSandbox.StartAsync();

    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    [Theory]
    [InlineData("error_before", 0)]
    [InlineData("error_after", 1)]
    public async Task A_5xx_says_nothing_about_the_effect_and_a_repeat_with_the_key_charges_once(string kind, int movements)
    {
        await _sandbox.Fault(new { kind, operation = "create", count = 1, status = 502 });
        using var failed = await _sandbox.Authorize("order-1", key: "k");
        failed.StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await _sandbox.Movements("order-1")).Count.ShouldBe(movements);

        using var again = await _sandbox.Authorize("order-1", key: "k");
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Theory]
    [InlineData("drop_before", 0)]
    [InlineData("drop_after", 1)]
    public async Task A_dropped_answer_says_nothing_about_the_effect_either(string kind, int movements)
    {
        await _sandbox.Fault(new { kind, operation = "create", count = 1 });
        await Should.ThrowAsync<HttpRequestException>(() => _sandbox.Authorize("order-1", key: "k"));
        (await _sandbox.Movements("order-1")).Count.ShouldBe(movements);

        // The caller may see the cut before the server has let go of the key.
        HttpStatusCode again;
        do
        {
            using var answer = await _sandbox.Authorize("order-1", key: "k");
            again = answer.StatusCode;
        }
        while (again == HttpStatusCode.Conflict);

        again.ShouldBe(HttpStatusCode.OK);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task A_fault_strikes_only_the_operation_card_and_order_that_it_names()
    {
        await _sandbox.Fault(new { kind = "error_before", operation = "capture" });
        await _sandbox.Fault(new { kind = "error_before", payment_method = "pm_card_declined" });
        await _sandbox.Fault(new { kind = "error_before", order_id = "order-9" });

        using var untouched = await _sandbox.Authorize("order-1");
        using var struck = await _sandbox.Authorize("order-9");
        untouched.StatusCode.ShouldBe(HttpStatusCode.OK);
        struck.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
    }

    [Fact]
    public async Task A_fault_with_a_probability_strikes_some()
    {
        await _sandbox.Fault(new { kind = "error_before", operation = "create", probability = 0.5 });
        var failed = 0;
        for (var i = 0; i < 60; i++)
        {
            using var answer = await _sandbox.Authorize($"order-{i}");
            failed += answer.IsSuccessStatusCode ? 0 : 1;
        }

        failed.ShouldBeInRange(10, 50);
    }

    [Fact]
    public async Task Faults_are_listed_and_switched_off_again()
    {
        await _sandbox.Fault(new { kind = "error_before" });
        (await _sandbox.Client.GetStringAsync("/sandbox/faults")).ShouldContain("error_before");
        using var cleared = await _sandbox.Client.DeleteAsync("/sandbox/faults");
        using var answer = await _sandbox.Authorize("order-1");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_fault_that_makes_no_sense_is_refused()
    {
        using var answer = await _sandbox.Client.PostAsJsonAsync("/sandbox/faults", new { kind = "error_before", probability = 2 });
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task The_flaky_card_fails_before_the_effect_then_after_it_then_succeeds()
    {
        using var first = await _sandbox.Authorize("order-1", "pm_card_flaky", "k");
        var afterFirst = await _sandbox.Movements("order-1");
        using var second = await _sandbox.Authorize("order-1", "pm_card_flaky", "k");
        var afterSecond = await _sandbox.Movements("order-1");
        using var third = await _sandbox.Authorize("order-1", "pm_card_flaky", "k");

        first.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        afterFirst.ShouldBeEmpty();
        second.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        afterSecond.ShouldBe(["authorized"]);
        third.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task The_slow_card_is_authorized_at_once_and_answered_late_even_when_the_caller_hangs_up()
    {
        using var impatient = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/payment_intents")
        {
            Headers = { { "Idempotency-Key", "k" } },
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["amount"] = "100", ["currency"] = "eur", ["payment_method"] = "pm_card_slow", ["capture_method"] = "manual", ["confirm"] = "true",
                ["metadata[order_id]"] = "order-1",
            }),
        };
        var waiting = _sandbox.Client.SendAsync(request, impatient.Token);
        while ((await _sandbox.Movements("order-1")).Count == 0)
        {
            waiting.IsCompleted.ShouldBeFalse("the answer came before the effect was to be seen");
        }

        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);

        var watch = Stopwatch.StartNew();
        using var patient = await _sandbox.Authorize("order-2", "pm_card_slow");
        patient.StatusCode.ShouldBe(HttpStatusCode.OK);
        watch.Elapsed.ShouldBeGreaterThan(TimeSpan.FromSeconds(0.3));
    }

    [Fact]
    public async Task The_page_shows_the_ledger_and_escapes_what_callers_sent()
    {
        await _sandbox.Authorized("<script>alert(1)</script>");
        var page = await _sandbox.Client.GetStringAsync("/");
        page.ShouldContain("pm_card_visa");
        page.ShouldContain("&lt;script&gt;");
        page.ShouldNotContain("<script>");
        (await _sandbox.Client.GetStringAsync("/health/ready")).ShouldContain("healthy");
    }
}
