using System.Net;

namespace PaymentSandbox.Tests;

public sealed class IdempotencyTests : IAsyncLifetime
{
    private RunningSandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await RunningSandbox.StartAsync();

    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    [Fact]
    public async Task The_same_key_gives_the_first_answer_again_and_charges_once()
    {
        using var first = await _sandbox.Authorize("order-1", key: "k");
        var id = (await RunningSandbox.Body(first)).GetProperty("id").GetString();
        using var captured = await _sandbox.Post($"/v1/payment_intents/{id}/capture");
        using var again = await _sandbox.Authorize("order-1", key: "k");

        again.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        (await again.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized", "captured"]);
    }

    [Fact]
    public async Task A_decline_is_replayed_as_the_same_decline()
    {
        using var first = await _sandbox.Authorize("order-1", "pm_card_declined", "k");
        using var again = await _sandbox.Authorize("order-1", "pm_card_declined", "k");

        again.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        (await again.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await _sandbox.Movements("order-1")).ShouldBe(["declined"]);
    }

    [Fact]
    public async Task The_same_key_with_other_parameters_is_an_error_and_has_no_effect()
    {
        using var first = await _sandbox.Authorize("order-1", key: "k");
        using var other = await _sandbox.Authorize("order-1", key: "k", amount: 1);

        other.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await RunningSandbox.Body(other)).GetProperty("error").GetProperty("type").GetString().ShouldBe("idempotency_error");
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task A_key_in_use_answers_409_until_its_request_is_answered()
    {
        await _sandbox.Fault(new { kind = "latency", operation = "create", count = 1, delay_ms = 500 });
        var twins = new[] { _sandbox.Authorize("order-1", key: "k"), _sandbox.Authorize("order-1", key: "k") };
        using var one = await twins[0];
        using var other = await twins[1];
        using var later = await _sandbox.Authorize("order-1", key: "k");

        new[] { one.StatusCode, other.StatusCode }.ShouldBe([HttpStatusCode.OK, HttpStatusCode.Conflict], ignoreOrder: true);
        later.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task Thirty_twins_at_once_charge_once()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => _sandbox.Authorize("order-1", key: "k")));

        answers.ShouldAllBe(a => a.StatusCode == HttpStatusCode.OK || a.StatusCode == HttpStatusCode.Conflict);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        Array.ForEach(answers, a => a.Dispose());
    }

    [Fact]
    public async Task Payments_and_keys_survive_a_restart()
    {
        using var first = await _sandbox.Authorize("order-1", key: "k");
        var before = await first.Content.ReadAsStringAsync();
        await _sandbox.RestartAsync();
        using var again = await _sandbox.Authorize("order-1", key: "k");

        (await again.Content.ReadAsStringAsync()).ShouldBe(before);
        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Theory]
    [InlineData("{\"at\":\"2026-01-01T00:00:00Z\",\"oper")]
    [InlineData("\0\0\0\0")]
    public async Task A_line_cut_short_by_a_crash_is_forgotten_and_the_next_one_is_written_whole(string torn)
    {
        await _sandbox.Authorized("order-1");
        await _sandbox.RestartAsync(journal => File.AppendAllText(journal, torn));
        await _sandbox.Authorized("order-2");
        await _sandbox.RestartAsync();

        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        (await _sandbox.Movements("order-2")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task A_last_line_without_its_line_feed_counts()
    {
        await _sandbox.Authorized("order-1");
        await _sandbox.RestartAsync(journal =>
        {
            using var file = File.OpenWrite(journal);
            file.SetLength(file.Length - 1);
        });
        await _sandbox.Authorized("order-2");
        await _sandbox.RestartAsync();

        (await _sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        (await _sandbox.Movements("order-2")).ShouldBe(["authorized"]);
    }
}
