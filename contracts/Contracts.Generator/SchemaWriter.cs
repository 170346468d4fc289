using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Contracts.Events;

namespace Contracts.Generator;

/// <summary>
/// JSON Schema of a record: the framework's exporter says what the serializer writes, the record's attributes and doc comments say the rest.
/// A test compares the verdicts of schema and inbound check.
/// </summary>
public sealed class SchemaWriter(DocComments docs)
{
    /// <summary>The schema of an event as it is committed: a document of its own in the dialect 2020-12.</summary>
    public JsonObject Document(BoundaryEventDescriptor descriptor, params IEnumerable<JsonNode> examples)
    {
        var schema = Event(descriptor);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "$id", descriptor.DataSchema);
        schema["examples"] = new JsonArray([.. examples.Select(e => e.DeepClone())]);
        return schema;
    }

    /// <summary>The schema of an event with the keywords that every dialect since draft 07 knows, to be embedded elsewhere.</summary>
    public JsonObject Event(BoundaryEventDescriptor descriptor)
    {
        var schema = Export(descriptor.ClrType, descriptor.Type);
        if (descriptor.Deprecated)
        {
            schema.Insert(2, "deprecated", true);
        }

        return schema;
    }

    /// <summary>The schema of a command.</summary>
    public JsonObject Command(Type record) => Export(record, record.Name);

    private JsonObject Export(Type record, string title)
    {
        var options = new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Annotate };
        var schema = (JsonObject)ContractJson.Options.GetJsonSchemaAsNode(record, options);
        schema.Insert(0, "title", title);
        return schema;
    }

    private JsonObject Annotate(JsonSchemaExporterContext context, JsonNode exported)
    {
        var schema = Annotate(context.TypeInfo.Type, context.PropertyInfo, exported);

        // Of an optional member that one of our converters writes, the exporter gives its default and does not come back here.
        foreach (var member in context.TypeInfo.Properties)
        {
            if (schema["properties"]?[member.Name] is JsonObject bare && !bare.ContainsKey("type"))
            {
                Annotate(member.PropertyType, member, bare);
            }
        }

        return schema;
    }

    private JsonObject Annotate(Type exportedType, JsonPropertyInfo? property, JsonNode exported)
    {
        // The exporter cannot look into our converters, and says "anything" of what they write; of enums it gives the values alone.
        var schema = exported as JsonObject ?? [];
        if (!schema.ContainsKey("type"))
        {
            schema.Insert(0, "type", "string");
        }

        var type = Nullable.GetUnderlyingType(exportedType) ?? exportedType;
        var member = property?.AssociatedParameter;
        var description = (member is null ? null : docs.Member(member.DeclaringType, member.Name)) ?? docs.Summary(type);
        if (description is not null)
        {
            schema.Insert(0, "description", description);
        }

        // An optional member is left out and never null.
        schema.Remove("default");
        (schema["enum"] as JsonArray)?.RemoveAll(value => value is null);
        if (schema["type"] is JsonArray orNull)
        {
            schema["type"] = orNull[0]!.DeepClone();
        }

        if (type == typeof(DateTimeOffset))
        {
            schema["format"] = "date-time";
        }
        else if (type == typeof(decimal))
        {
            schema["pattern"] = ContractShape.DecimalPattern;
        }
        else if (type == typeof(int))
        {
            var range = Attribute<RangeAttribute>();
            schema["minimum"] = (int?)range?.Minimum ?? int.MinValue;
            schema["maximum"] = (int?)range?.Maximum ?? int.MaxValue;
        }

        if (Attribute<MinLengthAttribute>() is { Length: var least })
        {
            schema[type == typeof(string) ? "minLength" : "minItems"] = least;
        }

        if (Attribute<RegularExpressionAttribute>() is { Pattern: var pattern })
        {
            schema["pattern"] = pattern;
        }

        return schema;

        T? Attribute<T>()
            where T : Attribute => member?.AttributeProvider?.GetCustomAttributes(typeof(T), false).Cast<T>().SingleOrDefault();
    }
}
