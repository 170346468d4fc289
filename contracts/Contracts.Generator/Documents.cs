using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using Contracts.Events;
using Fluid;
using Services;
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
public sealed class Documents(SchemaWriter schemas, IReadOnlyList<Service> services)
{
    private static readonly FluidParser Liquid = new(new FluidParserOptions { AllowFunctions = true });
    private static readonly TemplateOptions Options = new() { MemberAccessStrategy = UnsafeMemberAccessStrategy.Instance, StrictFilters = true };

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
                groups = services.Where(s => s.Publishes.Count > 0).Select(s => (s.Name, s.Title)).Append(("platform", "Every service")).Select(
                    g => new { title = g.Item2, events = events.Where((_, i) => ShopContracts.Catalogue.All[i].Publisher == g.Item1) }),
                subscriptions = services.SelectMany(service => service.Listens.Select(
                    s => new
                    {
                        service = service.Name, queue = s.Queue, purpose = s.Purpose, channels = s.Covers("*") ? [ShopContracts.Exchanges.AllEvents] : s.Events,
                    })),
                queues = CommandQueue.All.Select(q => new { service = q.Service, queue = q.Queue, commands = q.Commands.Select(schemas.Command) }),
            },
            Options);
    }

    private object Event(BoundaryEventDescriptor descriptor)
    {
        var receivers = services.SelectMany(s => s.Listens.Select(l => (Service: s.Name, Listens: l))).Where(r => r.Listens.Covers(descriptor.Type)).ToList();
        string[] publishers = descriptor.Publisher == "platform" ? [.. services.Select(s => s.Name)] : [descriptor.Publisher];
        var example = Examples.Of(descriptor);

        // The webhooks listen to everything; for the view of one service that says nothing.
        var concerned = publishers.Concat(receivers.Where(r => !r.Listens.Events.Contains("*")).Select(r => r.Service));
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
            services = string.Join(' ', concerned.Distinct().Order(StringComparer.Ordinal)),
            publishers,
            receivers = receivers.Select(r => new { queue = r.Listens.Queue, purpose = r.Listens.Purpose }),
            subject = JsonNamingPolicy.CamelCase.ConvertName(descriptor.ClrType.GetCustomAttribute<BoundaryEventAttribute>()!.Subject),
            headers = JsonSerializer.SerializeToNode(envelope.ToHeaders().ToDictionary()),
            example = JsonSerializer.Serialize(example, descriptor.ClrType, Output.Readable),
        };
    }
}
