using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using Users.Persistence;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Users.Tokens.Server;

/// <summary>Makes the clients of the token server be those of the settings, before the first request: there is no other place where a client is made.</summary>
internal sealed class ConfiguredClients(
    IServiceScopeFactory scopes, IOptions<UsersSettings> settings, IOptionsMonitor<OpenIddict.Server.OpenIddictServerOptions> server)
    : IHostedService
{
    /// <summary>Our own front end. It keeps no secret, and is there whether the settings name it or not.</summary>
    public const string Own = "shop";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
        var applications = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended('users.clients', 0))", cancellationToken);
        var wanted = settings.Value.Clients.ToDictionary();
        wanted.TryAdd(Own, new ClientSettings());
        await foreach (var known in applications.ListAsync(cancellationToken: cancellationToken))
        {
            if (!wanted.ContainsKey((await applications.GetClientIdAsync(known, cancellationToken))!))
            {
                await applications.DeleteAsync(known, cancellationToken);
            }
        }

        foreach (var (id, client) in wanted)
        {
            var descriptor = Describe(id, client);
            if (await applications.FindByClientIdAsync(id, cancellationToken) is { } known)
            {
                await applications.UpdateAsync(known, descriptor, cancellationToken);
            }
            else
            {
                await applications.CreateAsync(descriptor, cancellationToken);
            }
        }

        await transaction.CommitAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // A client with a secret acts for itself; through one with addresses to return to people sign in.
    private OpenIddictApplicationDescriptor Describe(string id, ClientSettings client)
    {
        var isPublic = client.Secret is null;
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = id, ClientSecret = client.Secret, ClientType = isPublic
                ? ClientTypes.Public
                : ClientTypes.Confidential, ConsentType = ConsentTypes.Implicit, DisplayName = client.Name ?? id,
        };
        descriptor.Permissions.UnionWith([Permissions.Endpoints.Token, Permissions.Endpoints.Revocation]);
        descriptor.RedirectUris.UnionWith(client.RedirectUris);
        descriptor.PostLogoutRedirectUris.UnionWith(client.RedirectUris);
        if (!isPublic)
        {
            descriptor.Permissions.UnionWith([Permissions.Endpoints.Introspection, Permissions.GrantTypes.ClientCredentials]);
        }

        if (client.RedirectUris.Count > 0)
        {
            descriptor.Permissions.UnionWith(
                [
                    Permissions.Endpoints.Authorization,
                    Permissions.Endpoints.EndSession,
                    Permissions.GrantTypes.AuthorizationCode,
                    Permissions.ResponseTypes.Code,
                    Permissions.GrantTypes.RefreshToken,
                ]);
        }

        if (id == Own && server.CurrentValue.GrantTypes.Contains(GrantTypes.Password))
        {
            descriptor.Permissions.UnionWith([Permissions.GrantTypes.Password, Permissions.GrantTypes.RefreshToken]);
        }

        return descriptor;
    }
}
