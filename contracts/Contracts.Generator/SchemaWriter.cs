using System.Text.Json.Nodes;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>JSON Schema from the shape of a record.</summary>
public sealed class SchemaWriter(DocComments docs)
{
    /// <summary>The schema of an event as it is committed: a document of its own in the dialect 2020-12.</summary>
    public JsonObject Document(BoundaryEventDescriptor descriptor, params IEnumerable<JsonNode> examples)
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["$id"] = descriptor.DataSchema,
        };
        foreach (var (name, value) in Event(descriptor))
        {
            schema[name] = value?.DeepClone();
        }

        schema["examples"] = new JsonArray([.. examples.Select(e => e.DeepClone())]);
        return schema;
    }

    /// <summary>The schema of an event with the keywords that every dialect since draft 07 knows, to be embedded elsewhere.</summary>
    public JsonObject Event(BoundaryEventDescriptor descriptor)
    {
        var schema = new JsonObject { ["title"] = descriptor.Type, ["description"] = docs.Summary(descriptor.ClrType) };
        if (descriptor.Deprecated)
        {
            schema["deprecated"] = true;
        }

        return AddShape(schema, descriptor.Shape);
    }

    /// <summary>The schema of a command.</summary>
    public JsonObject Command(Type record) =>
        AddShape(new JsonObject { ["title"] = record.Name, ["description"] = docs.Summary(record) }, ContractShape.Of(record));

    private JsonObject AddShape(JsonObject schema, ContractShape shape)
    {
        schema["type"] = shape.Kind switch
        {
            ShapeKind.Record => "object",
            ShapeKind.List => "array",
            ShapeKind.Number => "integer",
            ShapeKind.Flag => "boolean",
            _ => "string",
        };
        switch (shape.Kind)
        {
            case ShapeKind.Record:
                schema["properties"] = new JsonObject(shape.Properties.Select(p => KeyValuePair.Create(p.Name, (JsonNode?)Member(shape.ClrType, p))));
                schema["required"] = Strings(shape.Properties.Where(p => p.Required).Select(p => p.Name));
                break;
            case ShapeKind.List:
                schema["items"] = AddShape(new JsonObject { ["description"] = docs.Summary(shape.Items!.ClrType) }, shape.Items);
                Set("minItems", shape.MinItems);
                break;
            case ShapeKind.Text:
                Set("minLength", shape.MinLength);
                break;
            case ShapeKind.Uuid:
                schema["format"] = "uuid";
                break;
            case ShapeKind.Time:
                schema["format"] = "date-time";
                break;
            case ShapeKind.Number:
                Set("minimum", shape.Minimum ?? int.MinValue);
                Set("maximum", shape.Maximum);
                break;
            case ShapeKind.Choice:
                schema["enum"] = Strings(shape.Values);
                break;
        }

        if (shape.Pattern is not null)
        {
            schema["pattern"] = shape.Pattern;
        }

        return schema;

        void Set(string keyword, int? value)
        {
            if (value is not null)
            {
                schema[keyword] = value;
            }
        }
    }

    private JsonObject Member(Type record, ContractProperty property) =>
        AddShape(new JsonObject { ["description"] = docs.Member(record, property.ClrName) ?? docs.Summary(property.Shape.ClrType) }, property.Shape);

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => JsonValue.Create(v))]);
}
