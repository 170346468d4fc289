using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chassis.Data;

/// <summary>
/// Something that is done again and again, as long as the process runs. What goes wrong is told and tried again the next time: a database that is away, and a
/// row that nobody has thought of, must not end the process, or it would end every time that it starts.
/// </summary>
public abstract partial class PeriodicService(TimeProvider clock, ILogger logger) : BackgroundService
{
    protected TimeProvider Clock { get; } = clock;

    protected ILogger Logger { get; } = logger;

    /// <summary>From the end of one time to the next, and as a rule from the start to the first.</summary>
    protected abstract TimeSpan Interval { get; }

    /// <summary>Whether the first time is when the service starts.</summary>
    protected virtual bool IsFirstAtStart => false;

    protected abstract Task RunOnceAsync(CancellationToken ct);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (IsFirstAtStart)
        {
            await TryAsync(stoppingToken);
        }

        while (true)
        {
            await Task.Delay(Interval, Clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            await TryAsync(stoppingToken);
        }
    }

    /// <summary>Once, and whatever goes wrong is told.</summary>
    protected async Task TryAsync(CancellationToken ct)
    {
        try
        {
            await RunOnceAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The service stops.
        }
        catch (Exception e) when (DatabaseFailure.IsUnavailable(e))
        {
            LogFailed(Logger, GetType().Name, Interval, e.Message);
        }
        catch (Exception e)
        {
            LogBroken(Logger, GetType().Name, Interval, e);
        }
    }

    [LoggerMessage(1011, LogLevel.Warning, "{Work} could not be done; it is tried again in {Pause}: {Reason}", EventName = "periodic_work.deferred")]
    private static partial void LogFailed(ILogger logger, string work, TimeSpan pause, string reason);

    [LoggerMessage(1012, LogLevel.Error, "{Work} failed, and is tried again in {Pause}", EventName = "periodic_work.failed")]
    private static partial void LogBroken(ILogger logger, string work, TimeSpan pause, Exception exception);
}
