using Chassis.Messaging;
using Chassis.Web;
using Orders;
using Orders.Persistence;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("orders");
builder.AddDatabase<OrdersDbContext>();
builder.AddMessaging<OrdersDbContext>(bus =>
{
    bus.AddOrdersConsumers();
});
builder.Services.AddOrders();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapOrders();
return await app.RunServiceAsync(args);
