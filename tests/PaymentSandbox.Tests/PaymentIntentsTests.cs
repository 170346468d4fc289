using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace PaymentSandbox.Tests;

public sealed class PaymentIntentsTests : IAsyncLifetime
{
    private RunningSandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await RunningSandbox.StartAsync();

    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    [Fact]
    public async Task A_payment_is_authorized_captured_and_refunded_and_the_ledger_shows_each_movement()
    {
        using var authorized = await _sandbox.Authorize("order-1");
        var intent = await RunningSandbox.Body(authorized);
        var id = intent.GetProperty("id").GetString();

        authorized.StatusCode.ShouldBe(HttpStatusCode.OK);
        intent.GetProperty("object").GetString().ShouldBe("payment_intent");
        intent.GetProperty("status").GetString().ShouldBe("requires_capture");
        intent.GetProperty("amount_capturable").GetInt64().ShouldBe(1999);
        intent.GetProperty("metadata").GetProperty("order_id").GetString().ShouldBe("order-1");

        using var captured = await _sandbox.Post($"/v1/payment_intents/{id}/capture");
        (await RunningSandbox.Body(captured)).GetProperty("status").GetString().ShouldBe("succeeded");

        using var refunded = await _sandbox.Post("/v1/refunds", form: new() { ["payment_intent"] = id! });
        (await RunningSandbox.Body(refunded)).GetProperty("amount").GetInt64().ShouldBe(1999);

        (await _sandbox.Movements("order-1")).ShouldBe(["authorized", "captured", "refunded"]);
    }

    [Fact]
    public async Task An_authorization_that_was_voided_cannot_be_captured()
    {
        var id = await _sandbox.Authorized("order-1");
        using var voided = await _sandbox.Post($"/v1/payment_intents/{id}/cancel");
        using var captured = await _sandbox.Post($"/v1/payment_intents/{id}/capture");

        (await RunningSandbox.Body(voided)).GetProperty("status").GetString().ShouldBe("canceled");
        captured.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var error = (await RunningSandbox.Body(captured)).GetProperty("error");
        error.GetProperty("code").GetString().ShouldBe("payment_intent_unexpected_state");
        error.GetProperty("payment_intent").GetProperty("status").GetString().ShouldBe("canceled");
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized", "voided"]);
    }

    [Theory]
    [InlineData("pm_card_declined", "generic_decline")]
    [InlineData("pm_card_insufficient_funds", "insufficient_funds")]
    public async Task A_bad_card_is_declined_with_its_reason(string card, string reason)
    {
        using var answer = await _sandbox.Authorize("order-1", card);
        var error = (await RunningSandbox.Body(answer)).GetProperty("error");

        answer.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        error.GetProperty("type").GetString().ShouldBe("card_error");
        error.GetProperty("code").GetString().ShouldBe("card_declined");
        error.GetProperty("decline_code").GetString().ShouldBe(reason);
        error.GetProperty("payment_intent").GetProperty("status").GetString().ShouldBe("requires_payment_method");
    }

    [Fact]
    public async Task The_card_that_cannot_be_captured_can_be_voided()
    {
        var id = await _sandbox.Authorized("order-1", "pm_card_capture_fails");
        using var captured = await _sandbox.Post($"/v1/payment_intents/{id}/capture");
        using var voided = await _sandbox.Post($"/v1/payment_intents/{id}/cancel");

        captured.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        voided.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized", "voided"]);
    }

    [Fact]
    public async Task A_payment_is_found_by_its_order()
    {
        var id = await _sandbox.Authorized("order-1");
        await _sandbox.Authorized("order-2");

        var found = JsonDocument.Parse(await _sandbox.Client.GetStringAsync(
            "/v1/payment_intents/search?query=" + Uri.EscapeDataString("metadata['order_id']:'order-1'"))).RootElement.GetProperty("data");

        found.EnumerateArray().ShouldHaveSingleItem().GetProperty("id").GetString().ShouldBe(id);
    }

    [Fact]
    public async Task A_listing_pages_through_every_payment_once()
    {
        for (var i = 0; i < 5; i++)
        {
            await _sandbox.Authorized($"order-{i}");
        }

        var seen = new List<string>();
        for (var more = true; more;)
        {
            var after = seen.Count == 0 ? "" : $"&starting_after={seen[^1]}";
            var page = JsonDocument.Parse(await _sandbox.Client.GetStringAsync("/v1/payment_intents?limit=2" + after)).RootElement;
            seen.AddRange(page.GetProperty("data").EnumerateArray().Select(i => i.GetProperty("id").GetString()!));
            more = page.GetProperty("has_more").GetBoolean();
        }

        seen.Count.ShouldBe(5);
        seen.ShouldBeUnique();
    }

    [Theory]
    [InlineData("amount", "0")]
    [InlineData("amount", "12.5")]
    [InlineData("currency", "euro")]
    [InlineData("payment_method", "pm_card_unheard_of")]
    [InlineData("confirm", "perhaps")]
    [InlineData("colour", "blue")]
    public async Task Wrong_parameters_are_refused_as_the_real_api_refuses_them(string parameter, string value)
    {
        var form = new Dictionary<string, string>
        {
            ["amount"] = "100", ["currency"] = "eur", ["payment_method"] = "pm_card_visa", ["capture_method"] = "manual", ["confirm"] = "true",
            [parameter] = value,
        };
        using var answer = await _sandbox.Post("/v1/payment_intents", form: form);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await RunningSandbox.Body(answer)).GetProperty("error").GetProperty("type").GetString().ShouldBe("invalid_request_error");
    }

    [Fact]
    public async Task Nobody_pays_without_the_key()
    {
        _sandbox.Client.DefaultRequestHeaders.Authorization = null;
        using var none = await _sandbox.Authorize("order-1");
        _sandbox.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk_test_wrong");
        using var wrong = await _sandbox.Authorize("order-1");
        _sandbox.Client.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("sk_test_for_the_tests:")));
        using var basic = await _sandbox.Authorize("order-1");

        none.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        wrong.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        basic.StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
