using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Guestbook.Features;
using MassTransit;

namespace Guestbook;

/// <summary>What the service is made of.</summary>
internal static class GuestbookModule
{
    /// <summary>Hears which orders were completed.</summary>
    public const string OrdersQueue = "guestbook.orders";

    /// <summary>Deletes the notes of erased people.</summary>
    public const string ErasuresQueue = "guestbook.erasures";

    public static IServiceCollection AddGuestbook(this IServiceCollection services) =>
        services.AddInstruments<GuestbookMetrics>().AddScoped<AddNote>();

    public static void AddGuestbookConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<NoteCompletedOrders>(OrdersQueue);
        bus.AddConsumer<EraseNotes>(ErasuresQueue);
        bus.AddEndedSessions<EndSessions>("guestbook");
    }

    public static void MapGuestbook(this IEndpointRouteBuilder app)
    {
        var notes = app.MapGroup("/v1/guestbook/notes");
        AddNote.Map(notes);
        ListNotes.Map(notes);
    }
}
