using System.Text.Json;
using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>What a test finds when it has waited in vain: where messages wait, what is put off until when, who holds the database, what the process said last.</summary>
internal static class Evidence
{
    private const string Rows =
        """
        SELECT (SELECT count(*) FROM messaging.inbox) || ' rows in the inbox, ' || (SELECT count(*) FROM messaging.outbox) || ' in the outbox, '
            || (SELECT count(*) FROM messaging.dead_letters) || ' dead letters'
            || coalesce((SELECT string_agg(E'\noutbox ' || (to_jsonb(o) - 'body' - 'headers')::text, '') FROM (SELECT * FROM messaging.outbox LIMIT 20) o), '')
            || coalesce((SELECT string_agg(E'\ndead letter ' || (to_jsonb(d) - 'body' - 'headers')::text, '') FROM (SELECT * FROM messaging.dead_letters LIMIT 5) d), '')
            || coalesce((SELECT string_agg(concat_ws(' ', E'\nsession', pid, state, wait_event_type, wait_event, now() - xact_start, left(query, 100)), '')
                FROM pg_stat_activity WHERE datname = current_database()), '')
        """;

    /// <summary>Runs the waiting, and adds the evidence to its failure.</summary>
    public static async Task OrWhatThereIs(this Task waiting, WorkFixture fixture, WorkProcess process)
    {
        try
        {
            await waiting;
        }
        catch (TimeoutException e)
        {
            var queues = (await fixture.Vhost.GetAsync("queues")).EnumerateArray().Select(q =>
                $"{q.GetProperty("name")}: {Of(q, "messages_ready")} ready, {Of(q, "messages_unacknowledged")} not acknowledged, {Of(q, "consumers")} consumers");
            throw new TimeoutException(
                $"{e.Message}\n{string.Join('\n', queues)}\n{await fixture.Database.ScalarAsync<string>(Rows)}\nthe process {(process.HasExited ? "has ended" : "runs")} and said last:\n{process.Log}", e);
        }
    }

    // The broker counts every few seconds; until then a queue has no figures.
    private static string Of(JsonElement queue, string figure) => queue.TryGetProperty(figure, out var value) ? value.ToString() : "?";
}
