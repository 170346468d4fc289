using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Notifications;
using Notifications.Persistence;
using Shop.Contracts;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("notifications");
builder.AddDatabase<NotificationsDbContext>();
builder.AddMessaging<NotificationsDbContext>(ShopContracts.Catalogue, bus => bus.AddConsumers());
builder.Services.AddNotifications();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapNotifications();
return await app.RunServiceAsync(args);
