using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Guestbook;
using Guestbook.Persistence;
using Shop.Contracts;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("guestbook");
builder.AddDatabase<GuestbookDbContext>();
builder.AddMessaging<GuestbookDbContext>(ShopContracts.Catalogue, bus => bus.AddGuestbookConsumers());
builder.Services.AddGuestbook();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapGuestbook();
return await app.RunServiceAsync(args);
