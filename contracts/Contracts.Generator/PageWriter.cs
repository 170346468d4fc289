using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fluid;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>The events as one page that needs nothing else: no script to be readable, no style sheet or font from elsewhere. Its looks are in <c>page.liquid</c>.</summary>
public sealed class PageWriter(SchemaWriter schemas)
{
    private static readonly FluidParser Liquid = new(new FluidParserOptions { AllowFunctions = true });

    private static readonly (string Publisher, string Title)[] Groups =
    [
        ("orders", "Orders and payments"),
        ("inventory", "Products, stock and shipments"),
        ("users", "Users"),
        ("platform", "Every service"),
    ];

    public string Page()
    {
        using var source = new StreamReader(typeof(PageWriter).Assembly.GetManifestResourceStream("page.liquid")!);
        var options = new TemplateOptions { MemberAccessStrategy = UnsafeMemberAccessStrategy.Instance, StrictFilters = true };
        var model = new
        {
            @decimal = ContractShape.DecimalPattern,
            groups = Groups.Select(g => new { title = g.Title, events = BoundaryEvents.All.Where(e => e.Publisher == g.Publisher).Select(Event) }),
            queues = Subscriptions.Commands.Select(q => new { service = q.Service, queue = q.Queue, commands = q.Commands.Select(schemas.Command) }),
        };
        return Liquid.Parse(source.ReadToEnd()).Render(new TemplateContext(model, options), HtmlEncoder.Default);
    }

    private object Event(BoundaryEventDescriptor descriptor)
    {
        var receivers = Subscriptions.All.Where(s => s.Covers(descriptor.Type)).ToList();
        var publishers = AsyncApiWriter.PublishersOf(descriptor);

        // The webhooks listen to everything; for the view of one service that says nothing.
        var services = publishers.Concat(receivers.Where(s => !s.Events.Contains("*")).Select(s => s.Service));
        return new
        {
            schema = schemas.Event(descriptor),
            services = string.Join(' ', services.Distinct().Order(StringComparer.Ordinal)),
            publishers,
            receivers = receivers.Select(s => new { queue = s.Queue, purpose = s.Purpose }),
            subject = JsonNamingPolicy.CamelCase.ConvertName(descriptor.ClrType.GetCustomAttribute<BoundaryEventAttribute>()!.Subject),
            example = JsonSerializer.Serialize(Examples.Of(descriptor), descriptor.ClrType, Output.Readable),
        };
    }
}
