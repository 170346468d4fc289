using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Shop.Contracts;

// A small service of its own process, which tests can really kill.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.AddServiceDefaults(WorkHost.Name);
if (builder.Configuration["CrashAt"] is { Length: > 0 } moment)
{
    builder.Services.AddSingleton<IInterceptor>(new DieAt(Enum.Parse<Moment>(moment)));
}

builder.AddDatabase<WorkDatabase>();
builder.AddMessaging<WorkDatabase>(ShopContracts.Catalogue, bus =>
{
    bus.AddWork(withListener: builder.Configuration["Listener"] != "none");
    if (builder.Configuration.GetValue<int?>("Lanes") is { } lanes)
    {
        bus.AddOrderedConsumer<OrderedConsumer>(OrderedConsumer.Queue, lanes);
    }

    bus.AddJourneys(MassTransit.ConcurrencyMode.Pessimistic);
});
var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
return await app.RunServiceAsync(args);

public partial class Program;
