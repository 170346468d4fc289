using System.Globalization;
using System.Net;
using System.Security.Claims;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using ShopConsole.Api;
using ShopConsole.SignIn;

namespace ShopConsole.Tests;

/// <summary>The console in the test's process, between services that answer as told and an issuer that nobody comes to.</summary>
public sealed class ConsoleInProcess : WebApplicationFactory<Program>
{
    public const string Issuer = "https://issuer.test";

    internal StubServices Shop { get; } = new();

    /// <summary>A browser in which nobody has signed in, and which follows nowhere.</summary>
    public HttpClient Anonymous() => CreateClient(new WebApplicationFactoryClientOptions { AllowAutoRedirect = false });

    /// <summary>A browser with the cookie of somebody who has signed in.</summary>
    public HttpClient SignedIn(string role = Roles.Operator)
    {
        var properties = new AuthenticationProperties();
        properties.StoreTokens(
        [
            new() { Name = ConsoleSignIn.AccessToken, Value = "the token" }, new() { Name = ConsoleSignIn.RefreshToken, Value = "the next" },
            new() { Name = ConsoleSignIn.ExpiresAt, Value = TimeProvider.System.GetUtcNow().AddHours(1).ToString("O", CultureInfo.InvariantCulture) },
        ]);
        Claim[] claims = [new("sub", $"{Guid.NewGuid()}"), new(Claims.Role, role)];
        var person = new ClaimsPrincipal(new ClaimsIdentity(claims, "test", "name", Claims.Role));
        var cookies = Services.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(CookieAuthenticationDefaults.AuthenticationScheme);
        var cookie = cookies.TicketDataFormat.Protect(new AuthenticationTicket(person, properties, CookieAuthenticationDefaults.AuthenticationScheme));
        var client = Anonymous();
        client.DefaultRequestHeaders.Add("Cookie", $"{cookies.Cookie.Name}={cookie}");
        return client;
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Development");
        builder.UseContentRoot(AppContext.BaseDirectory);
        builder.UseSetting("Authentication:Authority", Issuer);
        builder.UseSetting("RateLimit:Permits", "0");
        builder.UseSetting("Console:Timeout", "00:00:30");
        foreach (var service in ConsoleSettings.Always)
        {
            builder.UseSetting($"Console:Services:{service}", $"http://{service}.test/");
        }

        builder.ConfigureTestServices(services =>
        {
            services.AddHttpClient(ShopApi.ClientName).ConfigurePrimaryHttpMessageHandler(() => Shop);
            services.PostConfigure<OpenIdConnectOptions>(OpenIdConnectDefaults.AuthenticationScheme, o => o.ConfigurationManager =
                new StaticConfigurationManager<OpenIdConnectConfiguration>(new OpenIdConnectConfiguration
                {
                    Issuer = Issuer, AuthorizationEndpoint = $"{Issuer}/connect/authorize", EndSessionEndpoint = $"{Issuer}/connect/endsession",
                }));
        });
    }
}
