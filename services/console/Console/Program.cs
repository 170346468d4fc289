using Chassis.Web;
using ShopConsole;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("console");
builder.AddConsole();

var app = builder.Build();
app.UseServiceDefaults();
app.MapConsole();
return await app.RunServiceAsync(args);
