using Chassis.Data;
using Chassis.Web;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using Users.Persistence;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace Users.Tokens.Server;

/// <summary>
/// The token server: OpenIddict, with its clients, sessions, codes and refresh tokens in the service's database. What differs from how it comes is in the
/// handlers beside this file: access tokens are not written down, accounts are locked while a token of theirs is exchanged, and secrets are not guessed.
/// </summary>
internal static class TokenServer
{
    /// <summary>Where the server reads a request and writes the answer.</summary>
    public const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public static void Add(IServiceCollection services, bool allowsPasswords)
    {
        services.AddOpenIddict()
            .AddCore(core =>
            {
                core.UseEntityFrameworkCore().UseDbContext<UsersDbContext>().ReplaceDefaultEntities<Guid>();

                // Another request may have changed a row since: what is read under the account's lock is what holds.
                core.DisableEntityCaching();
            })
            .AddServer(server =>
            {
                server.SetAuthorizationEndpointUris("connect/authorize").SetTokenEndpointUris("connect/token")
                    .SetRevocationEndpointUris("connect/revoke").SetIntrospectionEndpointUris("connect/introspect").SetEndSessionEndpointUris("connect/logout")
                    .SetConfigurationEndpointUris(".well-known/openid-configuration", ".well-known/oauth-authorization-server")
                    .SetJsonWebKeySetEndpointUris(".well-known/jwks.json");
                server.AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange().AllowRefreshTokenFlow().AllowClientCredentialsFlow();
                if (allowsPasswords)
                {
                    server.AllowPasswordFlow();
                }

                server.DisableAccessTokenEncryption().UseReferenceRefreshTokens();
                server.Configure(options =>
                {
                    options.CodeChallengeMethods.Remove(OpenIddictConstants.CodeChallengeMethods.Plain);
                });

                // TLS ends in front of the service, or nowhere: then production refuses to start.
                server.UseAspNetCore().EnableAuthorizationEndpointPassthrough().EnableTokenEndpointPassthrough().EnableEndSessionEndpointPassthrough()
                    .DisableTransportSecurityRequirement().SuppressJsonResponseIndentation();
                AddHandlers(server);
            });
        services.AddSingleton<TokenServerOptions>();
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<TokenServerOptions>());
        services.AddSingleton<IOptionsChangeTokenSource<OpenIddictServerOptions>>(provider => provider.GetRequiredService<TokenServerOptions>());
        services.AddHostedService<ConfiguredClients>();
    }

    private static void AddHandlers(OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ExtractTokenRequestContext>(handler => handler.UseSingletonHandler<OwnClientByDefault>().SetOrder(int.MaxValue - 100_000));
        server.AddEventHandler<ExtractTokenRequestContext>(
            handler => handler.UseSingletonHandler<OneClientInARequest<ExtractTokenRequestContext>>().SetOrder(int.MaxValue - 110_000));
        server.AddEventHandler<ExtractRevocationRequestContext>(
            handler => handler.UseSingletonHandler<OneClientInARequest<ExtractRevocationRequestContext>>().SetOrder(int.MaxValue - 110_000));
        server.AddEventHandler<ExtractIntrospectionRequestContext>(
            handler => handler.UseSingletonHandler<OneClientInARequest<ExtractIntrospectionRequestContext>>().SetOrder(int.MaxValue - 110_000));

        server.RemoveEventHandler(OpenIddictServerHandlers.ValidateClientSecret.Descriptor);
        server.AddEventHandler<ProcessAuthenticationContext>(handler => handler.UseScopedHandler<ClientSecretCheck>()
            .AddFilter<OpenIddictServerHandlerFilters.RequireClientIdParameter>().AddFilter<OpenIddictServerHandlerFilters.RequireClientSecretParameter>()
            .SetOrder(OpenIddictServerHandlers.ValidateClientId.Descriptor.Order - 500));

        server.AddEventHandler<ValidateTokenContext>(handler => handler.UseScopedHandler<AccountLock>()
            .SetOrder(OpenIddictServerHandlers.Protection.ValidateTokenEntry.Descriptor.Order - 500));
        server.AddEventHandler<ApplyTokenResponseContext>(
            handler => handler.UseScopedHandler<SessionCommit<ApplyTokenResponseContext>>().SetOrder(int.MinValue + 50_000));
        server.AddEventHandler<ApplyAuthorizationResponseContext>(
            handler => handler.UseScopedHandler<SessionCommit<ApplyAuthorizationResponseContext>>().SetOrder(int.MinValue + 50_000));

        server.AddEventHandler<GenerateTokenContext>(handler => handler.UseSingletonHandler<AccessTokensAreNotWrittenDown>()
            .SetOrder(OpenIddictServerHandlers.Protection.AttachSecurityCredentials.Descriptor.Order + 500));
        server.AddEventHandler<GenerateTokenContext>(handler => handler.UseSingletonHandler<IssuerAsConfigured>()
            .SetOrder(OpenIddictServerHandlers.Protection.AttachTokenMetadata.Descriptor.Order + 500));
        server.AddEventHandler<ApplyConfigurationResponseContext>(handler => handler.UseSingletonHandler<IssuerAsConfigured>().SetOrder(int.MinValue + 50_000));
        server.AddEventHandler<HandleRevocationRequestContext>(handler => handler.UseScopedHandler<RevocationEndsSession>()
            .SetOrder(OpenIddictServerHandlers.Revocation.RevokeToken.Descriptor.Order + 500));
        server.AddEventHandler<HandleIntrospectionRequestContext>(handler => handler.UseScopedHandler<EndedSessionIsInactive>()
            .SetOrder(OpenIddictServerHandlers.Introspection.AttachPrincipal.Descriptor.Order + 500));
    }
}

/// <summary>What the server takes from our settings and keys; the keys change while it runs.</summary>
internal sealed class TokenServerOptions(
    SigningKeys keys, Envelope envelope, IOptions<UsersSettings> settings, IOptions<AuthenticationSettings> authentication, TimeProvider clock)
    : IConfigureOptions<OpenIddictServerOptions>, IOptionsChangeTokenSource<OpenIddictServerOptions>
{
    public string Name => Options.DefaultName;

    public IChangeToken GetChangeToken() => keys.Changed;

    public void Configure(OpenIddictServerOptions options)
    {
        options.TimeProvider = clock;
        options.Issuer = new Uri(authentication.Value.ExpectedIssuer);
        options.AccessTokenLifetime = settings.Value.Tokens.AccessTokenLifetime;
        options.RefreshTokenLifetime = settings.Value.Tokens.RefreshTokenLifetime;
        options.RefreshTokenReuseLeeway = settings.Value.Tokens.RefreshGrace is { Ticks: > 0 } grace ? grace : null;
        options.AuthorizationCodeLifetime = TimeSpan.FromMinutes(1);

        // Codes and refresh tokens are for us alone, and outlive the keys that others know.
        // Those of a former master secret are for what it has signed and encrypted: the first of each kind is taken for what is new.
        options.SigningCredentials.AddRange(envelope.KeysFor("users.token-server.signature")
            .Select(key => new SigningCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.HmacSha256)));
        options.EncryptionCredentials.AddRange(envelope.KeysFor("users.token-server.encryption")
            .Select(key => new EncryptingCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
        options.SigningCredentials.AddRange(keys.Credentials);
    }
}
