using System.Net;

namespace PaymentSandbox.Tests;

public sealed class IdempotencyTests : IAsyncLifetime
{
    private RunningSandbox sandbox = null!;

    public async ValueTask InitializeAsync() => sandbox = await RunningSandbox.StartAsync();

    public ValueTask DisposeAsync() => sandbox.DisposeAsync();

    [Fact]
    public async Task The_same_key_gives_the_first_answer_again_and_charges_once()
    {
        using var first = await sandbox.Authorize("order-1", key: "k");
        var id = (await RunningSandbox.Body(first)).GetProperty("id").GetString();
        using var captured = await sandbox.Post($"/v1/payment_intents/{id}/capture");
        using var again = await sandbox.Authorize("order-1", key: "k");

        again.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        (await again.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await sandbox.Movements("order-1")).ShouldBe(["authorized", "captured"]);
    }

    [Fact]
    public async Task A_decline_is_replayed_as_the_same_decline()
    {
        using var first = await sandbox.Authorize("order-1", "pm_card_declined", "k");
        using var again = await sandbox.Authorize("order-1", "pm_card_declined", "k");

        again.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        (await again.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await sandbox.Movements("order-1")).ShouldBe(["declined"]);
    }

    [Fact]
    public async Task The_same_key_with_other_parameters_is_an_error_and_has_no_effect()
    {
        using var first = await sandbox.Authorize("order-1", key: "k");
        using var other = await sandbox.Authorize("order-1", key: "k", amount: 1);

        other.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await RunningSandbox.Body(other)).GetProperty("error").GetProperty("type").GetString().ShouldBe("idempotency_error");
        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task A_key_in_use_answers_409_until_its_request_is_answered()
    {
        await sandbox.Fault(new { kind = "latency", operation = "create", count = 1, delay_ms = 500 });
        var twins = new[] { sandbox.Authorize("order-1", key: "k"), sandbox.Authorize("order-1", key: "k") };
        using var one = await twins[0];
        using var other = await twins[1];
        using var later = await sandbox.Authorize("order-1", key: "k");

        new[] { one.StatusCode, other.StatusCode }.ShouldBe([HttpStatusCode.OK, HttpStatusCode.Conflict], ignoreOrder: true);
        later.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task Thirty_twins_at_once_charge_once()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => sandbox.Authorize("order-1", key: "k")));

        answers.ShouldAllBe(a => a.StatusCode == HttpStatusCode.OK || a.StatusCode == HttpStatusCode.Conflict);
        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        Array.ForEach(answers, a => a.Dispose());
    }

    [Fact]
    public async Task Payments_and_keys_survive_a_restart()
    {
        using var first = await sandbox.Authorize("order-1", key: "k");
        var before = await first.Content.ReadAsStringAsync();
        await sandbox.RestartAsync();
        using var again = await sandbox.Authorize("order-1", key: "k");

        (await again.Content.ReadAsStringAsync()).ShouldBe(before);
        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
    }

    [Theory]
    [InlineData("{\"at\":\"2026-01-01T00:00:00Z\",\"oper")]
    [InlineData("\0\0\0\0")]
    public async Task A_line_cut_short_by_a_crash_is_forgotten_and_the_next_one_is_written_whole(string torn)
    {
        await sandbox.Authorized("order-1");
        await sandbox.RestartAsync(journal => File.AppendAllText(journal, torn));
        await sandbox.Authorized("order-2");
        await sandbox.RestartAsync();

        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        (await sandbox.Movements("order-2")).ShouldBe(["authorized"]);
    }

    [Fact]
    public async Task A_last_line_without_its_line_feed_counts()
    {
        await sandbox.Authorized("order-1");
        await sandbox.RestartAsync(journal =>
        {
            using var file = File.OpenWrite(journal);
            file.SetLength(file.Length - 1);
        });
        await sandbox.Authorized("order-2");
        await sandbox.RestartAsync();

        (await sandbox.Movements("order-1")).ShouldBe(["authorized"]);
        (await sandbox.Movements("order-2")).ShouldBe(["authorized"]);
    }
}
