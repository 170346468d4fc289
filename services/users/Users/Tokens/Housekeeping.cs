using Chassis.Data;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;

namespace Users.Tokens;

/// <summary>Looks after the signing keys, and removes sessions, their tokens and sign-in failures whose time is over.</summary>
internal sealed class Housekeeping(
    SigningKeys keys,
    SignInThrottle throttle,
    IServiceScopeFactory scopes,
    IOptions<UsersSettings> settings,
    TimeProvider clock,
    ILogger<Housekeeping> logger) : PeriodicService(clock, logger)
{
    /// <summary>A used refresh token is known for so long, so that whoever shows it again is found out.</summary>
    private static readonly TimeSpan KeptAfterItsEnd = TimeSpan.FromDays(14);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the first request: without a key no token can be issued.
        await keys.MaintainAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override TimeSpan Interval => settings.Value.Tokens.KeyCheckInterval;

    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await keys.MaintainAsync(ct);
        await using var scope = scopes.CreateAsyncScope();
        var before = Clock.GetUtcNow() - KeptAfterItsEnd;
        await scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>().PruneAsync(before, ct);
        await scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().PruneAsync(before, ct);
        await scope.ServiceProvider.GetRequiredService<AccountTickets>().SweepAsync(ct);
        await throttle.SweepAsync(ct);
    }
}
