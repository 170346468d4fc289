using System.Globalization;
using System.Runtime.InteropServices;
using Chassis.Data;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chassis.Web;

public static partial class RunService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Waits for the database to be there and set up, brings it up to date and runs until it is told to stop. <c>--migrate</c> exits after the migrations;
    /// <c>--health</c> asks the instance that runs here already whether it is ready, for container health checks.
    /// </summary>
    /// <returns>The exit code of the process.</returns>
    public static async Task<int> RunServiceAsync(this WebApplication app, string[] args)
    {
        if (args.Contains("--health"))
        {
            return await AskHealthAsync(app);
        }

        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Chassis.Web.RunService");
        if ("e\u0301".Normalize() != "\u00e9")
        {
            LogNoUnicode(logger);
            await app.DisposeAsync();
            return 1;
        }

        if (!await AreSettingsValidAsync(app, logger))
        {
            return 1;
        }

        var migratesOnly = args.Contains("--migrate");
        if (migratesOnly)
        {
            app.Configuration[DatabaseMigrator.Setting] = "true";
        }

        using var stop = new CancellationTokenSource();
        using (PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop))
        using (PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop))
        {
            try
            {
                await MigrateAsync(app, logger, opensWaitingRoom: !migratesOnly, stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return 0;
            }
            catch (UnsuitableDatabaseException e)
            {
                LogWrongSettings(logger, e.Message);
                await app.DisposeAsync();   // writes what waits in the console's queue
                return 1;
            }
        }

        if (migratesOnly)
        {
            return 0;
        }

        try
        {
            await app.RunAsync();
            return Environment.ExitCode;   // 1 when the service has ended itself
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            LogAddressTaken(logger, e.Message);
            return 1;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Before anything else: a wrong setting is said at once, and in one line, not when the database is there.</summary>
    private static async Task<bool> AreSettingsValidAsync(WebApplication app, ILogger logger)
    {
        try
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            if (app.Environment.IsDevelopment() || ActivatorUtilities.CreateInstance<DevelopmentDefaults>(app.Services).Find() is not { Count: > 0 } found)
            {
                return true;
            }

            LogDevelopmentSettings(logger, app.Environment.EnvironmentName, string.Join(", ", found));
        }
        catch (Exception e) when (e is OptionsValidationException or AggregateException or InvalidOperationException)
        {
            LogWrongSettings(logger, e.Message);
        }

        await app.DisposeAsync();   // writes what waits in the console's queue
        return false;
    }

    private static async Task MigrateAsync(WebApplication app, ILogger logger, bool opensWaitingRoom, CancellationToken ct)
    {
        var clock = app.Services.GetRequiredService<TimeProvider>();
        WaitingRoom? waitingRoom = null;
        try
        {
            foreach (var migrator in app.Services.GetServices<IDatabaseMigrator>())
            {
                for (var tries = 1; ; tries++)
                {
                    try
                    {
                        await migrator.MigrateAsync(ct);
                        break;
                    }
                    catch (Exception e) when (ProblemMapping.Map(e) is { Status: 503 or 409 } || IsNotProvisioned(e))
                    {
                        var pause = Backoff.Exponential(tries, FirstPause, LongestPause);
                        LogWaiting(logger, e.GetBaseException().Message, pause.TotalSeconds);
                        if (opensWaitingRoom)
                        {
                            waitingRoom ??= await WaitingRoom.OpenAsync(app, logger, ct);
                            if (e is MigrationsMissingException missing)
                            {
                                waitingRoom?.WaitFor(missing);
                            }
                        }

                        await Task.Delay(pause, clock, ct);
                    }
                }
            }
        }
        finally
        {
            if (waitingRoom is not null)
            {
                await waitingRoom.DisposeAsync();
            }
        }
    }

    /// <summary>
    /// The server answers, and whoever sets it up has not made this service's database, role or password yet. Should it never come, the log
    /// says every few seconds what is missing, and the service stays alive and not ready.
    /// </summary>
    private static bool IsNotProvisioned(Exception exception) => exception is MigrationsMissingException || exception.GetBaseException() is PostgresException
    {
        SqlState: PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification,
    };

    private static async Task<int> AskHealthAsync(WebApplication app)
    {
        var addresses = (app.Configuration["urls"] ?? app.Configuration["http_ports"] ?? "http://127.0.0.1:8080").Split(';', ',');
        // Where there is TLS, the port without it is there for this.
        var address = Array.Find(addresses, a => a.StartsWith("http:", StringComparison.OrdinalIgnoreCase)) ?? addresses[0];
        var port = int.TryParse(address, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : BindingAddress.Parse(address).Port;
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
            await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync());
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            await Console.Out.WriteLineAsync(e.Message);
            return 1;
        }
    }

    [LoggerMessage(1407, LogLevel.Critical,
        "Texts cannot be compared here, since Unicode's forms are not known: install ICU (libicu), and do not set DOTNET_SYSTEM_GLOBALIZATION_INVARIANT.",
        EventName = "service.no_unicode")]
    private static partial void LogNoUnicode(ILogger logger);

    [LoggerMessage(1403, LogLevel.Critical, "The address is taken by another process: {Reason} ASPNETCORE_URLS says where to listen.",
        EventName = "service.address_taken")]
    private static partial void LogAddressTaken(ILogger logger, string reason);

    [LoggerMessage(1401, LogLevel.Warning, "Waiting for the database ({Reason}); next attempt in {Seconds} s.", EventName = "service.waits_for_database")]
    private static partial void LogWaiting(ILogger logger, string reason, double seconds);

    [LoggerMessage(1405, LogLevel.Critical, "In the environment {Environment} the service does not start with what is for development only. Set: {Settings}",
        EventName = "service.development_settings")]
    private static partial void LogDevelopmentSettings(ILogger logger, string environment, string settings);

    [LoggerMessage(1404, LogLevel.Critical, "The service does not start with these settings. {Reasons}", EventName = "service.wrong_settings")]
    private static partial void LogWrongSettings(ILogger logger, string reasons);
}
