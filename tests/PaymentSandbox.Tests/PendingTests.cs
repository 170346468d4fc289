using System.Net;
using System.Text.Json;

namespace PaymentSandbox.Tests;

/// <summary>Payments that are not decided by the request that asks for them.</summary>
public sealed class PendingTests : IAsyncLifetime
{
    private RunningSandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await RunningSandbox.StartAsync();

    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    [Fact]
    public async Task A_payment_is_made_first_and_nothing_moves_before_it_is_confirmed()
    {
        var id = await _sandbox.Made("order-1");
        Status(await _sandbox.Intent(id)).ShouldBe("requires_confirmation");
        (await _sandbox.Movements("order-1")).ShouldBeEmpty();

        using var confirmed = await _sandbox.Post($"/v1/payment_intents/{id}/confirm");
        using var again = await _sandbox.Post($"/v1/payment_intents/{id}/confirm");
        Status(await RunningSandbox.Body(confirmed)).ShouldBe("requires_capture");
        again.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await RunningSandbox.Body(again)).GetProperty("error").GetProperty("code").GetString().ShouldBe("payment_intent_unexpected_state");
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Theory]
    [InlineData("succeed", "requires_capture", "authorized")]
    [InlineData("fail", "requires_payment_method", "declined")]
    public async Task A_payment_waits_for_its_customer_and_is_what_she_makes_of_it(string outcome, string status, string movement)
    {
        var id = await Confirmed("pm_card_authentication_required");
        var intent = await _sandbox.Intent(id);
        Status(intent).ShouldBe("requires_action");
        var page = new Uri(intent.GetProperty("next_action").GetProperty("redirect_to_url").GetProperty("url").GetString()!);
        (await _sandbox.Client.GetStringAsync(page)).ShouldContain("order-1");
        (await _sandbox.Movements("order-1")).ShouldBeEmpty();

        using var acted = await _sandbox.Post(page.AbsolutePath, form: new() { ["outcome"] = outcome });
        acted.StatusCode.ShouldBe(HttpStatusCode.OK);
        intent = await _sandbox.Intent(id);
        Status(intent).ShouldBe(status);
        intent.TryGetProperty("next_action", out _).ShouldBeFalse();
        (await _sandbox.Movements("order-1")).ShouldBe([movement]);
    }

    [Theory]
    [InlineData("pm_card_visa", false)]
    [InlineData("pm_card_authentication_required", true)]
    public async Task A_payment_that_holds_nothing_yet_is_cancelled_all_the_same(string card, bool confirm)
    {
        var id = confirm ? await Confirmed(card) : await _sandbox.Made("order-1", card);
        using var cancelled = await _sandbox.Post($"/v1/payment_intents/{id}/cancel");
        Status(await RunningSandbox.Body(cancelled)).ShouldBe("canceled");
        using var late = await _sandbox.Post($"/sandbox/authentication/{id}", form: new() { ["outcome"] = "succeed" });
        late.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await _sandbox.Movements("order-1")).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("pm_card_processing_succeeds", "requires_capture", "authorized")]
    [InlineData("pm_card_processing_fails", "requires_payment_method", "declined")]
    public async Task A_payment_is_processing_for_a_while_and_decided_then_across_a_restart(string card, string status, string movement)
    {
        var id = await Confirmed(card);
        await _sandbox.RestartAsync();
        string? seen;
        do
        {
            seen = Status(await _sandbox.Intent(id));
        }
        while (seen == "processing");

        seen.ShouldBe(status);
        (await _sandbox.Movements("order-1")).ShouldBe([movement]);
        await _sandbox.RestartAsync();
        Status(await _sandbox.Intent(id)).ShouldBe(status);
    }

    [Fact]
    public async Task A_stored_failure_is_given_again_under_its_key_and_under_no_other()
    {
        using var first = await _sandbox.Make("order-1", "pm_card_stored_error", "k");
        using var again = await _sandbox.Make("order-1", "pm_card_stored_error", "k");
        await _sandbox.RestartAsync();
        using var later = await _sandbox.Make("order-1", "pm_card_stored_error", "k");
        first.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        again.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        again.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        later.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);

        await _sandbox.Make("order-1", "pm_card_stored_error", "k2");
        using var other = await _sandbox.Make("order-1", "pm_card_stored_error", "k3");
        other.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private async Task<string> Confirmed(string card)
    {
        var id = await _sandbox.Made("order-1", card);
        using var confirmed = await _sandbox.Post($"/v1/payment_intents/{id}/confirm");
        confirmed.StatusCode.ShouldBe(HttpStatusCode.OK);
        return id;
    }

    private static string? Status(JsonElement intent) => intent.GetProperty("status").GetString();
}
