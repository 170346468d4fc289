using Chassis.Web;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("console");

var app = builder.Build();
app.UseServiceDefaults();
return await app.RunServiceAsync(args);
