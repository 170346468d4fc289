using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>The AsyncAPI 3.0 document of the whole system: what is published where, in what form, and who takes it.</summary>
public sealed class AsyncApiWriter(SchemaWriter schemas)
{
    private const string AmqpBinding = "0.3.0";
    private static readonly string[] Services = ["inventory", "notifications", "orders", "users"];

    public JsonObject Document() => new()
    {
        ["asyncapi"] = "3.0.0",
        ["info"] = new JsonObject
        {
            ["title"] = "Shop: boundary events",
            ["version"] = "1.0.0",
            ["description"] =
                "Every boundary event of the four services. Each type and version has a durable fanout exchange of its own name, and reaches the topic exchange shop.events "
                + "with its type as routing key. Bind a queue of your own to either. The body is plain JSON, the CloudEvents 1.0 attributes are AMQP headers (binary mode, all of them strings). "
                + "Delivery is at least once: recognise repeats by cloudEvents_id, order by cloudEvents_sequence. Ignore members that you do not know: within a version events grow by optional members only.",
        },
        ["defaultContentType"] = "application/json",
        ["servers"] = new JsonObject
        {
            ["development"] = new JsonObject
            {
                ["host"] = "localhost:5672",
                ["protocol"] = "amqp",
                ["protocolVersion"] = "0.9.1",
                ["description"] = "RabbitMQ as `make up` starts it.",
            },
        },
        ["channels"] = Channels(),
        ["operations"] = Operations(),
        ["components"] = new JsonObject { ["messages"] = Messages(), ["schemas"] = new JsonObject { ["cloudEventHeaders"] = Headers() } },
    };

    private static JsonObject Channels()
    {
        var channels = new JsonObject();
        foreach (var descriptor in BoundaryEvents.All)
        {
            channels[descriptor.Type] = new JsonObject
            {
                ["address"] = descriptor.Type,
                ["title"] = descriptor.Type,
                ["description"] = "Fanout exchange of this type and version.",
                ["messages"] = new JsonObject { ["event"] = Ref($"components/messages/{descriptor.Type}") },
                ["bindings"] = Exchange(descriptor.Type, "fanout"),
            };
        }

        channels[Exchanges.AllEvents] = new JsonObject
        {
            ["address"] = Exchanges.AllEvents,
            ["title"] = Exchanges.AllEvents,
            ["description"] = "Topic exchange that every event reaches with its type as routing key: bind with shop.order.# for all of the orders, with # for everything.",
            ["messages"] = new JsonObject(BoundaryEvents.All.Select(e => KeyValuePair.Create(e.Type, (JsonNode?)Ref($"components/messages/{e.Type}")))),
            ["bindings"] = Exchange(Exchanges.AllEvents, "topic"),
        };
        foreach (var queue in Subscriptions.Commands)
        {
            channels[queue.Queue] = new JsonObject
            {
                ["address"] = queue.Queue,
                ["title"] = queue.Queue,
                ["description"] = $"Commands to {queue.Service}, point to point, in MassTransit's envelope. For the services themselves; partners use the HTTP interface.",
                ["messages"] = new JsonObject(queue.Commands.Select(c => KeyValuePair.Create(c.Name, (JsonNode?)Ref($"components/messages/{c.Name}")))),
                ["bindings"] = new JsonObject
                {
                    ["amqp"] = new JsonObject
                    {
                        ["is"] = "queue",
                        ["queue"] = new JsonObject { ["name"] = queue.Queue, ["durable"] = true, ["exclusive"] = false, ["autoDelete"] = false },
                        ["bindingVersion"] = AmqpBinding,
                    },
                },
            };
        }

        return channels;
    }

    private static JsonObject Operations()
    {
        var operations = new JsonObject();
        foreach (var descriptor in BoundaryEvents.All)
        {
            foreach (var service in PublishersOf(descriptor))
            {
                operations[$"{service}.publishes.{descriptor.Type}"] = Operation("send", descriptor.Type, $"{service} publishes {descriptor.Type}", service);
            }
        }

        foreach (var subscription in Subscriptions.All)
        {
            var channels = subscription.Covers("*") ? [Exchanges.AllEvents] : subscription.Events;
            foreach (var channel in channels)
            {
                operations[$"{subscription.Queue}.receives.{channel}"] =
                    Operation("receive", channel, $"{subscription.Queue} receives {channel}: {subscription.Purpose}", subscription.Service);
            }
        }

        foreach (var queue in Subscriptions.Commands)
        {
            operations[$"{queue.Queue}.receives.commands"] = Operation("receive", queue.Queue, $"{queue.Service} takes commands", queue.Service);
        }

        return operations;
    }

    private static JsonObject Operation(string action, string channel, string summary, string service)
    {
        var operation = new JsonObject
        {
            ["action"] = action,
            ["channel"] = Ref($"channels/{channel}"),
            ["summary"] = summary,
            ["tags"] = new JsonArray(new JsonObject { ["name"] = service }),
        };
        if (action == "send")
        {
            operation["bindings"] = new JsonObject { ["amqp"] = new JsonObject { ["deliveryMode"] = 2, ["bindingVersion"] = AmqpBinding } };
        }

        return operation;
    }

    private JsonObject Messages()
    {
        var messages = new JsonObject();
        foreach (var descriptor in BoundaryEvents.All)
        {
            var payload = schemas.Event(descriptor);
            messages[descriptor.Type] = new JsonObject
            {
                ["name"] = descriptor.Type,
                ["title"] = descriptor.Type,
                ["summary"] = (string?)payload["description"] + (descriptor.Deprecated ? " (Deprecated.)" : ""),
                ["contentType"] = "application/json",
                ["correlationId"] = new JsonObject { ["location"] = "$message.header#/" + CloudEventHeaders.CorrelationId },
                ["headers"] = Ref("components/schemas/cloudEventHeaders"),
                ["payload"] = payload,
                ["examples"] = new JsonArray(Example(descriptor)),
            };
        }

        foreach (var command in Subscriptions.Commands.SelectMany(q => q.Commands))
        {
            var schema = schemas.Command(command);
            messages[command.Name] = new JsonObject
            {
                ["name"] = command.Name,
                ["title"] = command.Name,
                ["summary"] = (string?)schema["description"],
                ["contentType"] = "application/vnd.masstransit+json",
                ["payload"] = schema,
            };
        }

        return messages;
    }

    private static JsonObject Example(BoundaryEventDescriptor descriptor)
    {
        var example = Examples.Of(descriptor);
        var envelope = new CloudEventEnvelope(
            "0198f1a2-7c00-7000-8000-0000000000f1",
            CloudEventEnvelope.SourceOf(PublishersOf(descriptor).First()),
            descriptor.Type,
            new DateTimeOffset(2026, 3, 14, 9, 26, 53, 589, TimeSpan.Zero),
            descriptor.SubjectOf(example),
            descriptor.DataSchema,
            "checkout-4711",
            "0198f1a2-7c00-7000-8000-0000000000f0",
            1,
            TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        return new JsonObject
        {
            ["name"] = "full",
            ["headers"] = new JsonObject(envelope.ToHeaders().Select(h => KeyValuePair.Create(h.Key, (JsonNode?)JsonValue.Create(h.Value)))),
            ["payload"] = JsonSerializer.SerializeToNode(example, descriptor.ClrType, ContractJson.Options),
        };
    }

    private static JsonObject Headers()
    {
        var attributes = new (string Name, string Description, bool Required)[]
        {
            (CloudEventHeaders.SpecVersion, "Version of CloudEvents: 1.0.", true),
            (CloudEventHeaders.Id, "Unique per event and the same on every repeat and replay: recognise duplicates by it.", true),
            (CloudEventHeaders.Source, "The service that published it, as a name.", true),
            (CloudEventHeaders.Type, "Type and version of the event.", true),
            (CloudEventHeaders.Time, "When it happened, RFC 3339 in UTC.", true),
            (CloudEventHeaders.Subject, "What it is about, for example the order id.", true),
            (CloudEventHeaders.DataSchema, "Name of the JSON Schema of the body.", true),
            (CloudEventHeaders.CorrelationId, "The same on everything that follows from one request.", false),
            (CloudEventHeaders.CausationId, "Id of the message or request that led to it directly.", false),
            (CloudEventHeaders.Sequence, "Position among the events of its subject, a whole number: order by it, not by arrival.", false),
            (CloudEventHeaders.TenantId, "The tenant, where there is more than one.", false),
            (CloudEventHeaders.TraceParent, "W3C trace context of the publisher.", false),
            (CloudEventHeaders.Replay, "true on an event that was sent again from the archive to one named queue.", false),
        };
        return new JsonObject
        {
            ["description"] = "CloudEvents 1.0 attributes in binary mode. Every value is a string.",
            ["type"] = "object",
            ["properties"] = new JsonObject(attributes.Select(a =>
                KeyValuePair.Create(a.Name, (JsonNode?)new JsonObject { ["description"] = a.Description, ["type"] = "string", ["minLength"] = 1 }))),
            ["required"] = new JsonArray([.. attributes.Where(a => a.Required).Select(a => JsonValue.Create(a.Name))]),
        };
    }

    internal static IEnumerable<string> PublishersOf(BoundaryEventDescriptor descriptor) => descriptor.Publisher == "platform" ? Services : [descriptor.Publisher];

    private static JsonObject Exchange(string name, string type) => new()
    {
        ["amqp"] = new JsonObject
        {
            ["is"] = "routingKey",
            ["exchange"] = new JsonObject { ["name"] = name, ["type"] = type, ["durable"] = true, ["autoDelete"] = false },
            ["bindingVersion"] = AmqpBinding,
        },
    };

    private static JsonObject Ref(string path) => new() { ["$ref"] = "#/" + path };
}
