using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using Contracts.Events;
using Fluid;
using Shop.Contracts;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;

namespace Contracts.Generator;

/// <summary>
/// What is published where, in what form, and who takes it: as AsyncAPI 3.0 for machines, and as one page that needs nothing else for people.
/// </summary>
/// <remarks>What they look like stands in <c>asyncapi.liquid</c> and <c>page.liquid</c>; here is what they tell.</remarks>
public sealed class Documents(SchemaWriter schemas)
{
    private static readonly FluidParser Liquid = new(new FluidParserOptions { AllowFunctions = true });
    private static readonly TemplateOptions Options = new() { MemberAccessStrategy = UnsafeMemberAccessStrategy.Instance, StrictFilters = true };
    private static readonly string[] Services = ["inventory", "notifications", "orders", "users"];

    private static readonly (string Publisher, string Title)[] Groups =
    [
        ("orders", "Orders and payments"),
        ("inventory", "Products, stock and shipments"),
        ("users", "Users"),
        ("platform", "Every service"),
    ];

    public string Page() => Template("page.liquid").Render(Context(), HtmlEncoder.Default);

    /// <summary>Block-style YAML. Texts stay quoted: a reader of YAML 1.1 would take some of them for times or numbers.</summary>
    public string AsyncApi()
    {
        // JSON is YAML already, in another style.
        var stream = new YamlStream();
        stream.Load(new StringReader(Template("asyncapi.liquid").Render(Context())));
        foreach (var node in stream.Documents[0].AllNodes)
        {
            if (node is YamlSequenceNode sequence)
            {
                sequence.Style = SequenceStyle.Block;
            }
            else if (node is YamlMappingNode mapping)
            {
                mapping.Style = MappingStyle.Block;
                foreach (var name in mapping.Children.Keys.Cast<YamlScalarNode>())
                {
                    name.Style = ScalarStyle.Plain;
                }
            }
        }

        return new SerializerBuilder().WithIndentedSequences().WithNewLine("\n").Build().Serialize(stream.Documents[0].RootNode);
    }

    private static IFluidTemplate Template(string name)
    {
        using var source = new StreamReader(typeof(Documents).Assembly.GetManifestResourceStream(name)!);
        return Liquid.Parse(source.ReadToEnd());
    }

    private TemplateContext Context()
    {
        var events = ShopContracts.Catalogue.All.Select(Event).ToList();
        return new TemplateContext(
            new
            {
                events,
                everything = ShopContracts.Exchanges.AllEvents,
                @decimal = ContractShape.DecimalPattern,
                groups = Groups.Select(g => new { title = g.Title, events = events.Where((_, i) => ShopContracts.Catalogue.All[i].Publisher == g.Publisher) }),
                subscriptions = Subscriptions.All.Select(
                    s => new
                    {
                        service = s.Service, queue = s.Queue, purpose = s.Purpose, channels = s.Covers("*") ? [ShopContracts.Exchanges.AllEvents] : s.Events,
                    }),
                queues = Subscriptions.Commands.Select(q => new { service = q.Service, queue = q.Queue, commands = q.Commands.Select(schemas.Command) }),
            },
            Options);
    }

    private object Event(BoundaryEventDescriptor descriptor)
    {
        var receivers = Subscriptions.All.Where(s => s.Covers(descriptor.Type)).ToList();
        var publishers = descriptor.Publisher == "platform" ? Services : [descriptor.Publisher];
        var example = Examples.Of(descriptor);

        // The webhooks listen to everything; for the view of one service that says nothing.
        var services = publishers.Concat(receivers.Where(s => !s.Events.Contains("*")).Select(s => s.Service));
        var envelope = new CloudEventEnvelope(
            "0198f1a2-7c00-7000-8000-0000000000f1",
            ShopContracts.Catalogue.SourceOf(publishers[0]),
            descriptor.Type,
            new DateTimeOffset(2026, 3, 14, 9, 26, 53, 589, TimeSpan.Zero),
            descriptor.SubjectOf(example),
            descriptor.DataSchema,
            "checkout-4711",
            "0198f1a2-7c00-7000-8000-0000000000f0",
            1,
            TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        return new
        {
            type = descriptor.Type,
            schema = schemas.Event(descriptor),
            services = string.Join(' ', services.Distinct().Order(StringComparer.Ordinal)),
            publishers,
            receivers = receivers.Select(s => new { queue = s.Queue, purpose = s.Purpose }),
            subject = JsonNamingPolicy.CamelCase.ConvertName(descriptor.ClrType.GetCustomAttribute<BoundaryEventAttribute>()!.Subject),
            headers = JsonSerializer.SerializeToNode(envelope.ToHeaders().ToDictionary()),
            example = JsonSerializer.Serialize(example, descriptor.ClrType, Output.Readable),
        };
    }
}
