using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Chassis.Web;

/// <summary>What every operation has in common and the framework cannot know: bearer tokens, problem documents, idempotency and versions.</summary>
internal static class OpenApiDescription
{
    private const string SchemeName = "bearer";
    private const string Operations = "Operations";
    private const string ExactDecimal = "^(0|[1-9][0-9]*)([.][0-9]+)?$";
    private const string Nullable30 = "nullable";
    private const string ProblemSchema = "Problem";

    public static void Add(IServiceCollection services, string serviceName) => services.AddOpenApi("v1", options =>
    {
        // Generators of clients lag behind: from 3.1 some take a text that may be null for anything, and some do not read it.
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = serviceName, Version = "v1", Description = $"The HTTP interface of the {serviceName} service." };
            document.Servers?.Clear();
            document.Tags = document.Paths.Values.SelectMany(path => path.Operations!.Values).SelectMany(operation => operation.Tags!)
                .Select(tag => tag.Name!).Distinct().OrderBy(name => (name == Operations, name)).Select(name => new OpenApiTag { Name = name }).ToHashSet();
            document.Components ??= new OpenApiComponents();
            (document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>())[ProblemSchema] = ProblemDocument();
            foreach (var schema in document.Components.Schemas.Values.OfType<OpenApiSchema>())
            {
                WithoutNullAsAChoice(schema);
            }

            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes[SchemeName] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT", Description = "An access token of the users service's token endpoint.",
            };
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            DescribeText(schema, context);
            if (context.JsonPropertyInfo?.CustomConverter is JsonConverter<decimal>)
            {
                (schema.Type, schema.Format, schema.Pattern) = (JsonSchemaType.String, null, ExactDecimal);
                schema.Description = "An exact decimal number.";
            }

            DescribeBounds(schema, context.JsonPropertyInfo);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Describe(operation, context);
            var group = context.Description.ActionDescriptor.EndpointMetadata.OfType<ITagsMetadata>().LastOrDefault()?.Tags[0]
                ?? GroupOf(context.Description.RelativePath!);
            operation.Tags = new HashSet<OpenApiTagReference> { new(group, context.Document) };
            return Task.CompletedTask;
        });
    });

    /// <summary>What converters write that the framework cannot look into: texts, times and the names of constants.</summary>
    private static void DescribeText(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        if (context.JsonTypeInfo.ElementType == typeof(string))
        {
            var element = new OpenApiSchema { Type = JsonSchemaType.String };
            schema.Items = context.JsonTypeInfo.Kind == JsonTypeInfoKind.Enumerable ? element : null;
            schema.AdditionalProperties = context.JsonTypeInfo.Kind == JsonTypeInfoKind.Dictionary ? element : null;
        }

        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type != typeof(string) && type != typeof(DateTimeOffset) && !type.IsEnum)
        {
            return;
        }

        var mayBeNull = type != context.JsonTypeInfo.Type || context.JsonPropertyInfo is { IsGetNullable: true } or { IsSetNullable: true };
        schema.Type = mayBeNull ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String;
        schema.Format = type == typeof(DateTimeOffset) ? "date-time" : schema.Format;
    }

    /// <summary>
    /// The bounds of a property: the framework overlooks those of what may be null, and those of contracts, which have them on the parameters of their records.
    /// </summary>
    private static void DescribeBounds(OpenApiSchema schema, JsonPropertyInfo? property)
    {
        object[] rules =
        [
            .. property?.AttributeProvider?.GetCustomAttributes(typeof(ValidationAttribute), inherit: false) ?? [],
            .. property?.AssociatedParameter?.AttributeProvider?.GetCustomAttributes(typeof(ValidationAttribute), inherit: false) ?? [],
        ];
        foreach (var rule in rules)
        {
            switch (rule)
            {
                case RegularExpressionAttribute shape:
                    schema.Pattern = shape.Pattern;
                    break;
                case StringLengthAttribute length:
                    schema.MaxLength = length.MaximumLength;
                    break;
                case MaxLengthAttribute length when property!.PropertyType == typeof(string):
                    schema.MaxLength = length.Length;
                    break;
                case RangeAttribute range:
                    schema.Minimum = Convert.ToString(range.Minimum, CultureInfo.InvariantCulture);
                    schema.Maximum = Convert.ToString(range.Maximum, CultureInfo.InvariantCulture);
                    break;
                case EachAttribute each when schema.Items is OpenApiSchema element:
                    element.MaxLength = each.MaximumLength;
                    break;
            }
        }
    }

    /// <summary>
    /// What may be null and stands elsewhere, as OpenAPI 3.0 has it: the framework offers it beside a schema that allows nothing but null, for which generators
    /// make a type of its own.
    /// </summary>
    private static void WithoutNullAsAChoice(OpenApiSchema schema)
    {
        foreach (var property in (schema.Properties ?? new Dictionary<string, IOpenApiSchema>()).Values.OfType<OpenApiSchema>())
        {
            if (OtherThanNull(property) is { } other)
            {
                // The library writes 3.0's word beside a type only, and with a type beside the reference generators would derive from it.
                (property.OneOf, property.AllOf) = (null, [other]);
                (property.Extensions ??= new Dictionary<string, IOpenApiExtension>())[Nullable30] = new JsonNodeExtension(true);
            }
        }
    }

    private static OpenApiSchemaReference? OtherThanNull(IOpenApiSchema? schema) => schema?.OneOf?.OfType<OpenApiSchemaReference>().SingleOrDefault();

    private static void Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Responses ??= [];
        var anonymous = metadata.OfType<IAllowAnonymous>().Any();
        if (!anonymous)
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(SchemeName, context.Document)] = [] }];
            Problem(operation, 401, "No token, or not a good one.", context.Document);
            Problem(operation, 403, "The caller's role does not allow this.", context.Document);
        }
        else if (!metadata.OfType<BearerIsIgnored>().Any())
        {
            Problem(operation, 401, "A token was sent, which none needs to be, and it is not a good one.", context.Document);
        }

        if (metadata.OfType<IAuthorizeData>().Any(a => a.Policy is Policies.Operator or Policies.SystemOperator))
        {
            var needed = metadata.OfType<PermissionRequirement>().Select(p => $"`{p.Permission}`").ToList();
            operation.Description = $"{operation.Description} For operators{(needed.Count > 0 ? $" with {string.Join(" and ", needed)}" : "")}.".Trim();
        }
        else if (metadata.OfType<OthersPermission>().LastOrDefault() is { } others)
        {
            operation.Description = $"{operation.Description} Of others for operators with `{others.Permission}`.".Trim();
        }

        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>().Where(p => p.In == ParameterLocation.Query))
        {
            // Those of [AsParameters] come with the names of their properties.
            parameter.Name = JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!);
        }

        foreach (var body in operation.RequestBody?.Content?.Values.ToArray() ?? [])
        {
            // That it may be left out stands on the body.
            body.Schema = OtherThanNull(body.Schema) ?? body.Schema;
        }

        if (operation.RequestBody is not null || operation.Parameters is { Count: > 0 })
        {
            Problem(operation, 400, "The request is not valid; `errors` names the fields.", context.Document);
        }

        if (context.Description.RelativePath?.Contains('{', StringComparison.Ordinal) == true)
        {
            Problem(operation, 404, "There is none, or it is somebody else's.", context.Document);
        }

        if (context.Description.HttpMethod is not ("GET" or "HEAD"))
        {
            Problem(operation, 409, "Its state does not allow this, or somebody else was faster.", context.Document);
        }

        if (metadata.OfType<IdempotencyMetadata>().Any())
        {
            Header(operation, Idempotency.Header, "Repeating a request with the same key gives the first answer again. Kept for 24 hours.");
            Problem(operation, 422, "The key was used with another request.", context.Document);
        }

        if (metadata.OfType<MethodInfo>().LastOrDefault() is { } handler)
        {
            DescribeVersions(operation, handler, context.Document);
        }

        Problem(operation, "default", "Any other problem.", context.Document);
    }

    /// <summary>Entity tags: what comes with an answer, and what a writer may ask for.</summary>
    private static void DescribeVersions(OpenApiOperation operation, MethodInfo handler, OpenApiDocument? document)
    {
        if (Array.Exists(handler.GetParameters(), p => p.ParameterType == typeof(ExpectedVersion)))
        {
            Header(operation, HeaderNames.IfMatch, "The ETag of what is to be changed: where it is another by now, the answer is 412.");
            Problem(operation, 412, "The resource has changed since the version that If-Match names.", document);
        }

        var answer = handler.ReturnType.IsGenericType && handler.ReturnType.GetGenericTypeDefinition() == typeof(Task<>)
            ? handler.ReturnType.GetGenericArguments()[0]
            : handler.ReturnType;
        if (answer.IsGenericType && answer.GetGenericTypeDefinition() == typeof(ETagged<>))
        {
            foreach (var response in operation.Responses!.Where(r => r.Key.StartsWith('2')).Select(r => r.Value).OfType<OpenApiResponse>())
            {
                (response.Headers ??= new Dictionary<string, IOpenApiHeader>())[HeaderNames.ETag] =
                    new OpenApiHeader { Description = "The version of the resource.", Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
            }
        }
    }

    private static OpenApiSchema ProblemDocument() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "RFC 9457. The last part of type is what to decide by.",
        Required = new HashSet<string> { "type", "title", "status", "detail", "instance", "traceId" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "urn:problem: and the name of the problem." },
            ["title"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "One sentence." },
            ["instance"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The path that was asked for." },
            ["traceId"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Finds the request in the logs." },
            ["errors"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "What is wrong, by field.",
                AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
            },
        },
    };

    /// <summary>
    /// Where an endpoint does not say otherwise, the page groups by resource; the framework would by the class that happens to map the endpoint.
    /// </summary>
    private static string GroupOf(string path)
    {
        var resource = path.Split('/').First(part => part != "v1");
        return resource == "ops" ? Operations : char.ToUpperInvariant(resource[0]) + resource[1..];
    }

    private static void Problem(OpenApiOperation operation, int status, string description, OpenApiDocument? document) =>
        Problem(operation, status.ToString(CultureInfo.InvariantCulture), description, document);

    private static void Problem(OpenApiOperation operation, string status, string description, OpenApiDocument? document) => operation.Responses!.TryAdd(
        status,
        new OpenApiResponse
        {
            Description = description,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [ProblemWriter.ContentType] = new() { Schema = new OpenApiSchemaReference(ProblemSchema, document) },
            },
        });

    private static void Header(OpenApiOperation operation, string name, string description) =>
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = name,
            In = ParameterLocation.Header,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = Idempotency.MaxKeyLength },
        });
}
