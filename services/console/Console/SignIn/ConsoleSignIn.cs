using System.Security.Claims;
using Chassis.Web;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using ShopConsole.Api;
using ShopConsole.Pages.People;

namespace ShopConsole.SignIn;

/// <summary>
/// People sign in where everybody does, at the issuer of tokens (authorization code with PKCE), and come back with tokens that are kept in an encrypted cookie:
/// the console itself never sees a password, and can do nothing that they may not.
/// </summary>
internal static class ConsoleSignIn
{
    /// <summary>Whoever works here: what each may see and do beyond that, the services decide.</summary>
    public const string Policy = "console";

    /// <summary>The page for whoever comes back without having signed in, or cannot be sent to sign in.</summary>
    public const string Failed = "/sign-in-failed";

    public const string AccessToken = "access_token";
    public const string RefreshToken = "refresh_token";
    public const string ExpiresAt = "expires_at";

    public static void AddConsoleSignIn(this IServiceCollection services)
    {
        services.AddAuthentication().AddCookie().AddOpenIdConnect();
        services.AddTransient<OpenIdConnectHandler, SignInAtIssuer>();
        services.AddSingleton<TokenRefresh>();
        services.AddHttpClient(TokenRefresh.ClientName).ConfigurePrimaryHttpMessageHandler(provider => new IssuerFromHere(provider));
        services.AddOptions<CookieAuthenticationOptions>(CookieAuthenticationDefaults.AuthenticationScheme).Configure(Configure);
        services.AddOptions<OpenIdConnectOptions>(OpenIdConnectDefaults.AuthenticationScheme)
            .Configure<IOptions<AuthenticationSettings>, IOptions<ConsoleSettings>, IServiceProvider>(Configure);
        services.AddAuthorizationBuilder().AddPolicy(Policy, p => p.AddAuthenticationSchemes(CookieAuthenticationDefaults.AuthenticationScheme)
            .RequireAuthenticatedUser().RequireAssertion(c => c.User.IsOperator()));
    }

    public static void MapSignOut(this IEndpointRouteBuilder app) =>
        app.MapPost("/sign-out", SignOut)
            .RequireAuthorization(new AuthorizationPolicyBuilder(CookieAuthenticationDefaults.AuthenticationScheme).RequireAuthenticatedUser().Build())
            .WithMetadata(new RequireAntiforgeryTokenAttribute()).ExcludeFromDescription();

    // An endpoint that reads no form is not kept from one of another page by the framework, which has looked at its token and leaves the verdict to us.
    private static Results<SignOutHttpResult, BadRequest> SignOut(HttpContext http) =>
        http.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: true }
            ? TypedResults.SignOut(
                new AuthenticationProperties { RedirectUri = "/" },
                [CookieAuthenticationDefaults.AuthenticationScheme, OpenIdConnectDefaults.AuthenticationScheme])
            : TypedResults.BadRequest();

    private static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = "console";
        options.Cookie.SameSite = SameSiteMode.Lax;     // Strict would not come along when the issuer sends people back
        options.Cookie.HttpOnly = true;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ForwardChallenge = OpenIdConnectDefaults.AuthenticationScheme;
        options.AccessDeniedPath = "/not-for-you";
        options.Events.OnValidatePrincipal = context => context.HttpContext.RequestServices.GetRequiredService<TokenRefresh>().CheckAsync(context);
    }

    private static void Configure(
        OpenIdConnectOptions options, IOptions<AuthenticationSettings> issuer, IOptions<ConsoleSettings> console, IServiceProvider provider)
    {
        options.SignInScheme = CookieAuthenticationDefaults.AuthenticationScheme;
        options.Authority = issuer.Value.Authority;
        options.RequireHttpsMetadata = !issuer.Value.AllowHttp && new Uri(issuer.Value.Authority) is { IsLoopback: false };
        options.BackchannelHttpHandler = new IssuerFromHere(provider);
        options.BackchannelTimeout = TimeSpan.FromSeconds(5);
        options.ClientId = console.Value.ClientId;
        options.ClientSecret = console.Value.ClientSecret;
        options.ResponseType = OpenIdConnectResponseType.Code;
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.CallbackPath = "/signed-in";
        options.SignedOutCallbackPath = "/signed-out";
        options.MapInboundClaims = false;
        options.SaveTokens = true;
        options.TokenValidationParameters.NameClaimType = "name";
        options.TokenValidationParameters.RoleClaimType = Claims.Role;
        options.TokenValidationParameters.ValidIssuer = issuer.Value.ExpectedIssuer;
        options.Scope.Clear();
        options.Scope.Add("openid");
        options.Scope.Add("offline_access");
        foreach (var cookie in (CookieBuilder[])[options.CorrelationCookie, options.NonceCookie])
        {
            cookie.SameSite = SameSiteMode.Lax;
            cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        }

        options.Events.OnTokenValidated = TakeClaimsAsync;
        options.Events.OnRemoteFailure = context =>
        {
            context.HandleResponse();
            context.Response.Redirect(Failed);
            return Task.CompletedTask;
        };
    }

    /// <summary>What the services go by stands in the access token: pages offer what its bearer may do.</summary>
    private static async Task TakeClaimsAsync(TokenValidatedContext context)
    {
        var token = context.TokenEndpointResponse?.AccessToken ?? throw new InvalidOperationException("The issuer has given no access token.");
        var bearer = await context.HttpContext.RequestServices.GetRequiredService<TokenValidator>().ValidateAsync(token, context.HttpContext.RequestAborted);
        var identity = (ClaimsIdentity)context.Principal!.Identity!;
        foreach (var claim in bearer.Claims.Where(c => c.Type is Claims.Role or Claims.Permissions or Claims.Tenant))
        {
            identity.AddClaim(new Claim(claim.Type, claim.Value));
        }

        // Whoever it is, as the head of a page says it; it does without.
        var me = await context.HttpContext.RequestServices.GetRequiredService<ShopApi>()
            .GetAsync<PersonData>("users", "/v1/users/me", context.HttpContext.RequestAborted, token);
        if (me.Value?.Email is { } email)
        {
            identity.AddClaim(new Claim("name", email));
        }
    }
}
