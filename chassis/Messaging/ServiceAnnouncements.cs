using Contracts.Events.Platform.V1;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging;

/// <summary>Tells everybody that the service has started and that it is going. A service starts and stops also when it cannot say so.</summary>
internal sealed partial class ServiceAnnouncements<TDbContext>(
    IServiceScopeFactory scopes,
    ServiceIdentity service,
    IOptions<MessagingOptions> options,
    TimeProvider clock,
    ILogger<ServiceAnnouncements<TDbContext>> logger)
    : IHostedLifecycleService
    where TDbContext : DbContext
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) =>
        AnnounceAsync(new ServiceStarted(service.Name, service.InstanceId, service.Version, clock.GetUtcNow()), 1, cancellationToken);

    // Before anything stops: the bus takes it and the relay, which stops last, sends it.
    public Task StoppingAsync(CancellationToken cancellationToken) =>
        AnnounceAsync(new ServiceStopped(service.Name, service.InstanceId, clock.GetUtcNow()), 2, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task AnnounceAsync<T>(T announcement, long sequence, CancellationToken ct)
        where T : class
    {
        if (!options.Value.AnnounceService)
        {
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(announcement, sequence, patience.Token);
            await scope.ServiceProvider.GetRequiredService<TDbContext>().SaveChangesAsync(patience.Token);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(typeof(T).Name, e.Message);
        }
    }

    [LoggerMessage(2141, LogLevel.Warning, "{Announcement} could not be published: {Reason}", EventName = "announcement.failed")]
    private partial void LogFailed(string announcement, string reason);
}
