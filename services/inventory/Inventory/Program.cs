using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Inventory;
using Inventory.Persistence;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("inventory");
builder.AddDatabase<InventoryDbContext>();
builder.AddMessaging<InventoryDbContext>(bus => bus.AddInventoryConsumers());
builder.Services.AddInventory();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapInventory();
return await app.RunServiceAsync(args);
