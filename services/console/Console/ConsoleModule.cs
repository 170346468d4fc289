using System.Text;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using ShopConsole.Api;
using ShopConsole.Layout;
using ShopConsole.Pages.Orders;
using ShopConsole.Pages.Search;
using ShopConsole.Pages.Window;
using ShopConsole.SignIn;

namespace ShopConsole;

/// <summary>The service's parts. It keeps nothing but keys of cookies: whatever it shows, it has asked for with the token of whoever looks.</summary>
internal static class ConsoleModule
{
    public static void AddConsole(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        // Of the keys' folder, and of a header that two parts of the framework set to the same.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error).AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Error);
        services.AddSettings<ConsoleSettings>(ConsoleSettings.Section);
        services.AddConsoleSignIn();
        services.AddTransient<TokenOfWhoeverLooks>();
        services.AddHttpClient(ShopApi.ClientName).AddHttpMessageHandler<TokenOfWhoeverLooks>()
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                ConnectTimeout = TimeSpan.FromSeconds(2),
                RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,    // a reason is in people's words
            });
        services.AddScoped<ShopApi>();
        services.AddScoped<Finder>();
        services.AddScoped<Notices>();
        services.AddSingleton<Traces>();
        services.AddSingleton<ShopWindow>();
        services.AddRazorComponents();
        services.AddAntiforgery(o =>
        {
            o.Cookie.Name = "console-form";
            o.Cookie.SameSite = SameSiteMode.Strict;
            o.SuppressXFrameOptionsHeader = true;    // said for every answer already
        });
        var keys = services.AddDataProtection().SetApplicationName("console");
        if (builder.Configuration[$"{ConsoleSettings.Section}:{nameof(ConsoleSettings.Keys)}"] is { Length: > 0 } folder)
        {
            keys.PersistKeysToFileSystem(Directory.CreateDirectory(folder));
        }
    }

    public static void MapConsole(this WebApplication app)
    {
        app.UseMiddleware<PagePolicy>();
        app.UseAntiforgery();
        app.UseMiddleware<FormOfBefore>();
        app.MapStaticAssets().AllowAnonymous().IgnoreBearer().DisableRateLimiting();
        app.MapSignOut();
        OrderChanges.Map(app);
        ShopWindow.Map(app);
        app.MapRazorComponents<App>().RequireAuthorization(ConsoleSignIn.Policy);
    }
}
