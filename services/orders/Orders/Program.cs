using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Orders;
using Orders.Payments;
using Orders.Persistence;
using Shop.Contracts;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("orders");
builder.AddDatabase<OrdersDbContext>();
builder.AddMessaging<OrdersDbContext>(ShopContracts.Catalogue, bus =>
{
    bus.AddOrdersConsumers();
    bus.AddFulfilmentAndPayments();
});
builder.Services.AddOrders();
builder.Services.AddFulfilmentAndPayments();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapOrders();
app.MapFulfilmentAndPayments();
return await app.RunServiceAsync(args);
