using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Messaging.Wire;
using Contracts.Events;

namespace Chassis.Messaging.DeadLetters;

/// <summary>
/// What the body of a dead letter has to be, where the service knows its type: as JSON Schema for whoever edits it, and as the check of what was edited.
/// </summary>
internal static class BodySchema
{
    private static readonly string[] Kept = ["messageId", "messageType"];

    /// <returns>Null where nobody here knows what the message should be.</returns>
    public static JsonObject? Of(StoredMessage message, byte[] body)
    {
        if (message.Event is { } known)
        {
            var schema = Of(known.Shape);
            schema.Insert(0, "$id", known.DataSchema);
            schema.Insert(1, "title", known.Type);
            return schema;
        }

        if (message.Command is not { } command || ShapeOf(command) is not { } shape || Parse(body) is not { } envelope)
        {
            return null;
        }

        var record = Of(shape);
        record.Insert(0, "title", command.Name);
        var members = new JsonObject();
        foreach (var name in Kept.Where(envelope.ContainsKey))
        {
            members[name] = new JsonObject { ["const"] = envelope[name]?.DeepClone() };
        }

        members["message"] = record;
        return new JsonObject
        {
            ["title"] = "envelope",
            ["type"] = "object",
            ["properties"] = members,
            ["required"] = new JsonArray([.. members.Select(m => (JsonNode)m.Key)]),
        };
    }

    /// <summary>The first reason for which an edited body is not one of this message.</summary>
    /// <param name="message">What is known of it.</param>
    /// <param name="before">Its body up to now.</param>
    /// <param name="body">As it was edited.</param>
    /// <returns>The field, as the editor's request has it, and what is wrong with it.</returns>
    public static (string Field, string Problem)? Check(StoredMessage message, byte[] before, byte[] body)
    {
        if (message.Event is { } known)
        {
            return Named(ContractValidator.Validate(known.Shape, body), string.Empty) ?? Read(body, known.ClrType, "body");
        }

        if (message.Command is not { } command || Parse(before) is not { } envelope)
        {
            return null;
        }

        if (Parse(body) is not { } edited)
        {
            return ("body", "must be an object in which no member is there twice.");
        }

        foreach (var name in Kept.Where(name => !JsonNode.DeepEquals(envelope[name], edited[name])))
        {
            return ($"body.{name}", "must stay as it is.");
        }

        if (edited["message"] is not JsonObject inner)
        {
            return ("body.message", "must be an object.");
        }

        var bytes = JsonSerializer.SerializeToUtf8Bytes(inner);
        return (ShapeOf(command) is { } shape ? Named(ContractValidator.Validate(shape, bytes), ".message") : null) ?? Read(bytes, command, "body.message");
    }

    // The last word has what the consumer reads with.
    private static (string Field, string Problem)? Read(byte[] body, Type type, string field)
    {
        try
        {
            return JsonSerializer.Deserialize(body, type, MessageFormatter.OptionsFor(type)) is null ? (field, "must not be null.") : null;
        }
        catch (JsonException e)
        {
            return (field + e.Path?.TrimStart('$'), "does not fit.");
        }
    }

    // "/items/0/quantity must be at least 1" is body.items[0].quantity.
    private static (string Field, string Problem)? Named(string? reason, string inside)
    {
        if (reason is null)
        {
            return null;
        }

        var end = reason.IndexOf(' ', StringComparison.Ordinal);
        if (reason[0] != '/' || end < 0)
        {
            return ("body" + inside, reason.Replace("the body ", string.Empty, StringComparison.Ordinal) + ".");
        }

        var field = new StringBuilder("body").Append(inside);
        foreach (var step in reason[1..end].Split('/'))
        {
            _ = int.TryParse(step, out _) ? field.Append('[').Append(step).Append(']') : field.Append('.').Append(step);
        }

        return (field.ToString(), reason[(end + 1)..] + ".");
    }

    private static JsonObject Of(ContractShape shape)
    {
        var schema = new JsonObject
        {
            ["type"] = shape.Kind switch
            {
                ShapeKind.Record => "object",
                ShapeKind.List => "array",
                ShapeKind.Number => "integer",
                ShapeKind.Flag => "boolean",
                _ => "string",
            },
        };
        Add("format", shape.Kind switch { ShapeKind.Uuid => "uuid", ShapeKind.Time => "date-time", _ => null });
        Add("pattern", shape.Pattern);
        Add("minLength", shape.MinLength);
        Add("minItems", shape.MinItems);
        Add("minimum", shape.Minimum);
        Add("maximum", shape.Maximum);
        Add("enum", shape.Kind == ShapeKind.Choice ? new JsonArray([.. shape.Values.Select(value => (JsonNode)value)]) : null);
        Add("items", shape.Items is { } items ? Of(items) : null);
        if (shape.Kind == ShapeKind.Record)
        {
            schema["properties"] = new JsonObject(shape.Properties.Select(p => KeyValuePair.Create(p.Name, (JsonNode?)Of(p.Shape))));
            schema["required"] = new JsonArray([.. shape.Properties.Where(p => p.Required).Select(p => (JsonNode)p.Name)]);
        }

        return schema;

        void Add(string name, JsonNode? value)
        {
            if (value is not null)
            {
                schema[name] = value;
            }
        }
    }

    // A service may keep in a command of its own what is no contract, and has no plain form.
    private static ContractShape? ShapeOf(Type command)
    {
        try
        {
            return ContractShape.Of(command);
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonObject? Parse(byte[] body)
    {
        try
        {
            // A member that is there twice shows when it is looked at.
            return JsonNode.Parse(body) is JsonObject members && members.Count >= 0 ? members : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }
    }
}
