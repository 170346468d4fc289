using Chassis.EventSourcing;
using Chassis.Messaging.Sagas;
using Chassis.Testing;
using MassTransit;
using Microsoft.Extensions.Options;
using Orders.Domain;
using Orders.Fulfilment;

namespace Orders.Tests;

/// <summary>What else an event needs that was added to the domain, told before anything of it is stored.</summary>
public sealed class Every_event_of_an_order
{
    // Of goods, carriers and the provider; codes; and why the system did something, in its own words.
    private static readonly string[] NotPersonal =
    [
        "OrderDrafted.Currency", "ItemAdded.Sku", "ItemAdded.Name", "ItemRemoved.Sku", "OrderSubmitted.Lines", "OrderSubmitted.PaymentMethod",
        "OrderConfirmed.Lines", "OrderShipped.Shipment", "OrderCompleted.Lines", "OrderFailed.Reason",
    ];

    public static TheoryData<string> All => [.. DomainTypes.Events.Select(e => e.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void Has_a_name_under_which_it_is_stored(string name) => DomainTypes.StoredNames.Of(TypeOf(name)).Name.ShouldNotBeNullOrEmpty();

    [Theory]
    [MemberData(nameof(All))]
    public void Makes_something_of_an_order(string name) =>
        Order.Evolve(name == nameof(OrderDrafted) ? null : AnyValue.Of<OrderState>(), EventOf(name)).ShouldNotBeNull();

    [Theory]
    [MemberData(nameof(All))]
    public async Task Has_been_decided_on_as_to_what_others_are_told_of_it(string name)
    {
        var fulfilments = new Fulfilments(
            AnyValue.Of<ISagaEvents<FulfilmentState>>(), new FulfilmentStateMachine(Options.Create(new FulfilmentOptions()), TimeProvider.System));
        var translation = new OrderTranslation(AnyValue.Of<IPublishEndpoint>(), AnyValue.Of<ISendEndpointProvider>(), fulfilments);
        var happened = EventOf(name);
        var stored = new StoredEvent(1, Guid.Empty, Guid.Empty, "order", 1, name, 1, happened, new EventMetadata(""), default, default);

        await translation.Handle(new CoreEvent<OrderEvent>(happened, stored), CancellationToken.None);
    }

    [Fact]
    public void Has_its_texts_sealed_or_named_as_not_personal()
    {
        var open = from type in DomainTypes.Events
                   from member in DomainTypes.Texts(type)
                   where !DomainTypes.StoredNames.Of(type).PersonalProperties.Contains(member.Name, StringComparer.OrdinalIgnoreCase)
                   select $"{type.Name}.{member.Name}";
        open.ShouldBe(NotPersonal, ignoreOrder: true, "what a person may have written is sealed (.Personal in OrderEventTypes), or named here");
    }

    [Fact]
    public void Can_be_read_without_what_is_sealed_in_it() =>
        (from type in DomainTypes.Events
         from member in type.GetProperties()
         where DomainTypes.StoredNames.Of(type).PersonalProperties.Contains(member.Name, StringComparer.OrdinalIgnoreCase) && !DomainTypes.IsOptional(member)
         select $"{type.Name}.{member.Name}").ShouldBeEmpty("it is null once the customer was erased");

    private static Type TypeOf(string name) => DomainTypes.Events.Single(e => e.Name == name);

    private static OrderEvent EventOf(string name) => (OrderEvent)AnyValue.Of(TypeOf(name));
}
