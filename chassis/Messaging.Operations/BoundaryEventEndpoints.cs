using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.Json;
using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Web;
using Contracts.Events;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Npgsql;
using NpgsqlTypes;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Validator = Chassis.Web.Validator;

namespace Chassis.Messaging.Operations;

/// <summary>One event of the archive.</summary>
/// <param name="Position">Its place in the archive.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Type">The wire name.</param>
/// <param name="Subject">What it is about.</param>
/// <param name="Time">When it was published.</param>
/// <param name="Attributes">All CloudEvents attributes.</param>
/// <param name="Data">The body.</param>
public sealed record ArchivedBoundaryEvent(
    long Position, Guid Id, string Type, string Subject, DateTimeOffset Time, IReadOnlyDictionary<string, string> Attributes, JsonElement Data);

/// <summary>Sends archived events once more, to one queue and nobody else.</summary>
/// <param name="From">Events published at or after this time.</param>
/// <param name="Destination">Name of the queue.</param>
/// <param name="To">Events published before this time; without it all until now.</param>
/// <param name="Types">Only these wire names; without it all.</param>
/// <param name="Subject">Only what is about this; without it all.</param>
public sealed record ReplayBoundaryEvents(
    DateTimeOffset From,
    [property: Text(DeadLetterEndpoints.Longest)] string Destination,
    DateTimeOffset? To = null,
    [property: MaxLength(1000), Each(DeadLetterEndpoints.Longest)] IReadOnlyList<string>? Types = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Subject = null);

/// <param name="ReplayId">Travels with every replayed event.</param>
/// <param name="Events">How many events are on their way.</param>
public sealed record StartedReplay(Guid ReplayId, long Events);

internal static class BoundaryEventEndpoints
{
    // AMQP 0-9-1, short strings. In bytes.
    private const int LongestName = 255;

    public static void Map(RouteGroupBuilder ops)
    {
        var events = ops.MapGroup("/boundary-events");
        events.MapGet(string.Empty, List)
            .RequireSystemOperator(Permissions.ReadOperations, Permissions.ReadPersonalData)
            .WithName("ListBoundaryEvents")
            .WithSummary("What this service published, in order.");
        events.MapPost("/replay", Replay)
            .RequireSystemOperator(Permissions.Replay)
            .WithIdempotencyKey()
            .WithName("ReplayBoundaryEvents")
            .WithSummary("Sends archived events to one queue, marked as a replay.");
    }

    private static async Task<Ok<Page<ArchivedBoundaryEvent>>> List(
        [AsParameters] PageQuery page, NpgsqlDataSource database, [MaxLength(DeadLetterEndpoints.Longest)] string? type, DateTimeOffset? from,
        DateTimeOffset? to,
        [MaxLength(DeadLetterEndpoints.Longest)] string? subject, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT position, event_id, type, subject, time, headers::text, data::text FROM messaging.boundary_events
            WHERE ($1 IS NULL OR type = $1) AND ($2::timestamptz IS NULL OR time >= $2) AND ($3::timestamptz IS NULL OR time < $3)
              AND ($4 IS NULL OR subject = $4) AND position > $5
            ORDER BY position LIMIT $6
            """);
        command.Parameters.AddValue(type, NpgsqlDbType.Text);
        command.Parameters.AddValue(from?.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(to?.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(subject, NpgsqlDbType.Text);
        command.Parameters.AddValue(page.After<long>() ?? 0);
        command.Parameters.AddValue(page.Size + 1);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<ArchivedBoundaryEvent>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new ArchivedBoundaryEvent(
                reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4),
                HeaderJson.Read(reader.GetString(5)).ToDictionary(
                    h => h.Key.Replace(CloudEventHeaders.Prefix, string.Empty, StringComparison.Ordinal), h => h.Value),
                JsonElement.Parse(reader.GetString(6))));
        }

        return TypedResults.Ok(Page.Of(rows, page, row => row.Position));
    }

    private static async Task<Accepted<StartedReplay>> Replay(
        ReplayBoundaryEvents request,
        EventCatalogue catalogue,
        OutboxStore outbox,
        BrokerConnection broker,
        IAuditedCommit audit,
        TimeProvider clock,
        CancellationToken ct)
    {
        Check(request, catalogue, clock);
        await BindAsync(request.Destination, catalogue.Exchanges.Replay, broker, ct);
        var replay = Guid.CreateVersion7(clock.GetUtcNow());

        var count = await outbox.ReplayAsync(
            replay, request.Destination, request.From, request.To ?? clock.GetUtcNow(), request.Types, request.Subject, audit, ct);
        return TypedResults.Accepted("/v1/ops/outbox", new StartedReplay(replay, count));
    }

    private static void Check(ReplayBoundaryEvents request, EventCatalogue catalogue, TimeProvider clock)
    {
        new Validator()
            .Bounds(request)
            .Check(Encoding.UTF8.GetByteCount(request.Destination ?? "") <= LongestName, "destination", "is not a name that the broker can have.")
            .ThrowIfInvalid();
        if ((request.To ?? clock.GetUtcNow()) <= request.From)
        {
            throw ProblemException.Invalid("to", "must be after from.");
        }

        if (request.Types?.FirstOrDefault(t => catalogue.Find(t) is null) is not null)
        {
            throw ProblemException.Invalid("types", "must be wire names of boundary events.");
        }
    }

    // The binding stays: the exchange leads to this queue only for messages that name it. A queue of another service that one has bound itself, or is about to.
    private static async Task BindAsync(string queue, string exchange, BrokerConnection broker, CancellationToken ct)
    {
        try
        {
            await using var connection = await broker.OpenAsync("replay", ct);
            await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            await channel.QueueDeclarePassiveAsync(queue, ct);
            await channel.ExchangeDeclareAsync(exchange, ExchangeType.Direct, durable: true, cancellationToken: ct);
            try
            {
                await channel.QueueBindAsync(queue, exchange, queue, cancellationToken: ct);
            }
            catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 403)
            {
            }
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 404)
        {
            throw ProblemException.Invalid("destination", "is not a queue of the broker.");
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 405)
        {
            throw ProblemException.Conflict("destination_not_allowed", "That queue belongs to one connection alone.");
        }
        catch (Exception e) when (BrokerFailure.Is(e) && !ct.IsCancellationRequested)
        {
            throw ProblemException.Unavailable("The broker is not reachable.");
        }
    }
}
