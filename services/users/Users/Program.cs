using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Shop.Contracts;
using Users;
using Users.Persistence;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("users");
builder.AddDatabase<UsersDbContext>();
builder.AddMessaging<UsersDbContext>(ShopContracts.Catalogue);
builder.AddUsers();

var app = builder.Build();
app.UseServiceDefaults();
app.MapMessagingOps();
app.MapUsers();
return await app.RunServiceAsync(args);
