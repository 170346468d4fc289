using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;

namespace Messaging.Tests;

/// <summary>What is sent later can be seen and hurried, and taken back where nobody counts on it.</summary>
public sealed class TimerTests(OpsFixture fixture) : IClassFixture<OpsFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_deadline_that_a_saga_waits_for_is_listed_and_can_be_run_and_not_be_cancelled()
    {
        using var client = fixture.Operator();
        var journey = await JourneyAsync();

        var timer = (await TimersAsync(client, journey)).ShouldHaveSingleItem();
        timer.GetProperty("type").GetString()!.ShouldEndWith("JourneyOverdue");
        timer.GetProperty("destination").GetString().ShouldBe(JourneyRegistration.Queue);
        timer.GetProperty("cancellable").GetBoolean().ShouldBeFalse();
        timer.GetProperty("correlationId").GetString().ShouldNotBeNullOrEmpty();
        (timer.GetProperty("dueAt").GetDateTimeOffset() - timer.GetProperty("createdAt").GetDateTimeOffset()).TotalMinutes.ShouldBe(10, 1);

        var (refused, problem) = await PostAsync(client, timer, "cancel");
        refused.ShouldBe(HttpStatusCode.Conflict);
        problem.GetProperty("type").GetString()!.ShouldEndWith("timer_is_awaited");
        (await TimersAsync(client, journey)).Count.ShouldBe(1);

        (await PostAsync(client, timer, "run")).Status.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(() => StateAsync(journey), s => s == "Late", "the deadline to pass");
        (await TimersAsync(client, journey)).ShouldBeEmpty();
        (await PostAsync(client, timer, "run")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await PostAsync(client, timer, "cancel")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_deadline_that_no_saga_waits_for_any_more_can_be_cancelled()
    {
        using var client = fixture.Operator();
        var (waits, gone, forgot) = (await JourneyAsync(), await JourneyAsync(), await JourneyAsync());
        await fixture.Database.ExecuteAsync($"DELETE FROM journeys WHERE correlation_id = '{gone}'");
        await fixture.Database.ExecuteAsync($"UPDATE journeys SET deadline_token = gen_random_uuid() WHERE correlation_id = '{forgot}'");

        (await TimersAsync(client, waits)).ShouldHaveSingleItem().GetProperty("cancellable").GetBoolean().ShouldBeFalse();
        foreach (var journey in (Guid[])[gone, forgot])
        {
            var timer = (await TimersAsync(client, journey)).ShouldHaveSingleItem();
            timer.GetProperty("cancellable").GetBoolean().ShouldBeTrue();
            (await PostAsync(client, timer, "cancel", new { reason = "" })).Status.ShouldBe(HttpStatusCode.BadRequest);
            (await PostAsync(client, timer, "cancel")).Status.ShouldBe(HttpStatusCode.Accepted);
            (await TimersAsync(client, journey)).ShouldBeEmpty();
        }

        (await TimersAsync(client, waits)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_command_for_later_is_somebodys_word_it_can_be_run_and_not_be_cancelled()
    {
        using var client = fixture.Operator();
        var subject = await CommandAsync(TimeSpan.FromHours(1));

        var timer = (await TimersAsync(client, subject)).ShouldHaveSingleItem();
        timer.GetProperty("cancellable").GetBoolean().ShouldBeFalse();
        var (refused, problem) = await PostAsync(client, timer, "cancel");
        refused.ShouldBe(HttpStatusCode.Conflict);
        problem.GetProperty("type").GetString()!.ShouldEndWith("timer_is_a_message");
        (await PostAsync(client, timer, "run")).Status.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(() => EffectsAsync(subject), n => n == 1, "the command to be carried out");
    }

    [Fact]
    public async Task Timers_come_page_by_page_the_next_first_each_once()
    {
        using var client = fixture.Operator();
        var subjects = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            subjects.Add(await CommandAsync(TimeSpan.FromHours(100 - i)));
        }

        await fixture.Database.ExecuteAsync(
            $"UPDATE messaging.outbox SET due_at = date_trunc('hour', due_at) WHERE outbox_key IN ('{subjects[0]}', '{subjects[1]}')");
        var expected = await fixture.Database.ScalarAsync<string>(
            "SELECT string_agg(id::text, ' ' ORDER BY due_at, id) FROM messaging.outbox WHERE scheduled AND parked_at IS NULL AND due_at > now() + interval '1 minute'");
        var (seen, cursor) = (new List<long>(), (string?)null);
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>($"/v1/ops/timers?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}", Token);
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(t => t.GetProperty("id").GetInt64()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        string.Join(' ', seen).ShouldBe(expected);
    }

    [Fact]
    public async Task What_cannot_be_recorded_is_not_done()
    {
        using var client = fixture.Operator();
        var (command, journey) = (await CommandAsync(TimeSpan.FromHours(1)), await JourneyAsync());
        await fixture.Database.ExecuteAsync($"DELETE FROM journeys WHERE correlation_id = '{journey}'");
        foreach (var (about, act) in new[] { (command, "run"), (journey, "cancel") })
        {
            var timer = (await TimersAsync(client, about))[0];
            var refused = Guid.CreateVersion7().ToString();
            await fixture.Database.RefuseAuditOfAsync(refused);
            (await PostAsync(client, timer, act, correlation: refused)).Status.ShouldBe(HttpStatusCode.InternalServerError);
            (await TimersAsync(client, about)).ShouldHaveSingleItem().GetRawText().ShouldBe(timer.GetRawText());
        }
    }

    private async Task<Guid> JourneyAsync()
    {
        var journey = Guid.CreateVersion7();
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync(JourneyRegistration.Queue, Guid.CreateVersion7(), new StartJourney(journey, journey.ToString(), 600_000));
        await Poll.UntilAsync(() => StateAsync(journey), s => s == "UnderWay", "the journey to begin");
        return journey;
    }

    private async Task<Guid> CommandAsync(TimeSpan delay)
    {
        var subject = Guid.CreateVersion7();
        await using var scope = fixture.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>().SendCommandAsync(
            WorkQueues.Commands, new DoWork(subject, 1), subject, TimeProvider.System.GetUtcNow() + delay, Token);
        await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        return subject;
    }

    private static async Task<List<JsonElement>> TimersAsync(HttpClient client, Guid about) =>
        [.. (await client.GetFromJsonAsync<JsonElement>($"/v1/ops/timers?orderId={about}", Token)).GetProperty("items").EnumerateArray()];

    private static async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(
        HttpClient client, JsonElement timer, string act, object? body = null, string? correlation = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/v1/ops/timers/{timer.GetProperty("id").GetInt64()}/{act}", UriKind.Relative));
        request.Content = act == "cancel" ? JsonContent.Create(body ?? new { reason = "nobody waits for it" }) : null;
        request.Headers.Add("X-Correlation-Id", correlation ?? Guid.CreateVersion7().ToString());
        using var answer = await client.SendAsync(request, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        return (answer.StatusCode, text.Length > 0 ? JsonElement.Parse(text) : default);
    }

    private Task<string?> StateAsync(Guid journey) =>
        fixture.Database.ScalarAsync<string?>($"SELECT current_state FROM journeys WHERE correlation_id = '{journey}'");

    private Task<long> EffectsAsync(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'");
}
