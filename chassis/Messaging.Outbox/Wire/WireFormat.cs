using System.Net.Mime;
using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging.Wire;

/// <summary>Tells the bus which content types there are, and that anything else is refused.</summary>
internal static class WireFormat
{
    public static void UseWireFormat(this IBusFactoryConfigurator bus, EventCatalogue catalogue)
    {
        bus.ClearSerialization();
        bus.AddSerializer(new Factory(new EnvelopeReader()));
        bus.AddDeserializer(new Factory(new EnvelopeReader()));
        bus.AddDeserializer(new Factory(new BoundaryEventReader(catalogue)));
        bus.AddDeserializer(new Factory(new RefusingReader()), isDefault: true);
    }

    private sealed class Factory(IMessageDeserializer reader) : ISerializerFactory
    {
        public ContentType ContentType => reader.ContentType;

        public IMessageSerializer CreateSerializer() => new EnvelopeSerializer();

        public IMessageDeserializer CreateDeserializer() => reader;
    }
}
