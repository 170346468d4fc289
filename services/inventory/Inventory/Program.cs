using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Inventory;
using Inventory.Persistence;
using Shop.Contracts;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("inventory");
builder.AddDatabase<InventoryDbContext>();
builder.AddMessaging<InventoryDbContext>(ShopContracts.Catalogue, bus => bus.AddInventoryConsumers());
builder.Services.AddInventory();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapInventory();
return await app.RunServiceAsync(args);
