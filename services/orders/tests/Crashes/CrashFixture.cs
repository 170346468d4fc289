using System.Text.Json.Nodes;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orders.Tests.Fulfilment;

namespace Orders.Tests.Crashes;

/// <summary>
/// Everything around the orders service: database, broker, inventory, payment provider, and an issuer whom another process can reach. The service itself is
/// down.
/// </summary>
public sealed class CrashFixture : FulfilmentFixture
{
    private WebApplication? _issuer;

    public Uri Issuer => new(_issuer!.Urls.Single());

    public (string Host, int Port) Postgres => new NpgsqlConnectionStringBuilder(Database.Runtime) is { } address ? (address.Host!, address.Port) : default;

    public override async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _issuer = builder.Build();
        _issuer.MapGet("/.well-known/openid-configuration", () => new JsonObject { ["issuer"] = TestTokens.Issuer, ["jwks_uri"] = $"{Issuer}jwks" });
        _issuer.MapGet("/jwks", () => new JsonObject { ["keys"] = new JsonArray(Tokens.PublicJwk()) });
        await _issuer.StartAsync();

        // The service has set up its tables and heard of its products; from here on it is a process of its own.
        await base.InitializeAsync();
        await StopAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_issuer is not null)
        {
            await _issuer.DisposeAsync();
        }
    }
}
