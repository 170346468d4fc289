using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;

namespace Users.Tokens;

/// <summary>Looks after the signing keys, and removes sessions, their tokens and sign-in failures whose time is over.</summary>
public sealed partial class Housekeeping(
    SigningKeys keys, SignInThrottle throttle, IServiceScopeFactory scopes, IOptions<UsersSettings> settings, TimeProvider clock, ILogger<Housekeeping> logger) : BackgroundService
{
    /// <summary>A used refresh token is known for so long, so that whoever shows it again is found out.</summary>
    private static readonly TimeSpan KeptAfterItsEnd = TimeSpan.FromDays(14);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the first request: without a key no token can be issued.
        await keys.MaintainAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.Value.Tokens.KeyCheckInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await RunOnceAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            await keys.MaintainAsync(cancellationToken);
            await using var scope = scopes.CreateAsyncScope();
            var before = clock.GetUtcNow() - KeptAfterItsEnd;
            await scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>().PruneAsync(before, cancellationToken);
            await scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().PruneAsync(before, cancellationToken);
            await scope.ServiceProvider.GetRequiredService<AccountTickets>().SweepAsync(cancellationToken);
            await throttle.SweepAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(logger, e);
        }
    }

    [LoggerMessage(2003, LogLevel.Warning, "Housekeeping failed; it is tried again.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
