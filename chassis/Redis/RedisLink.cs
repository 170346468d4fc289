using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chassis.Redis;

/// <summary>
/// The connection of this process, which may be away at any time, from the start on. Whoever asks waits for the settings' time-out at most, and for nothing
/// while it is known to be away: a probe in the background finds out when it is back, and no request does.
/// </summary>
public sealed partial class RedisLink : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan BetweenProbes = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PatienceOfProbes = TimeSpan.FromSeconds(1);

    private readonly RedisSettings _settings;
    private readonly ServiceIdentity _service;
    private readonly TimeProvider _clock;
    private readonly ILogger<RedisLink> _logger;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Meter _meter;
    private volatile ConnectionMultiplexer? _connection;
    private volatile bool _isUp;
    private Task _watching = Task.CompletedTask;
    private bool? _said;
    private bool _isDisposed;

    public RedisLink(IOptions<RedisSettings> settings, ServiceIdentity service, TimeProvider clock, IMeterFactory meters, ILogger<RedisLink> logger)
    {
        (_settings, _service, _clock, _logger) = (settings.Value, service, clock, logger);
        _meter = meters.Create("Chassis.Redis");
        _meter.CreateObservableGauge("redis.connected", () => _isUp ? 1 : 0, "{connection}", "Whether Redis answers this process: 1, or 0 while it is away.");
    }

    /// <summary>Whether it answered when it was last asked.</summary>
    public bool IsUp => _isUp;

    /// <summary>Since when it has been up or away; null before the first probe.</summary>
    public DateTimeOffset? Since { get; private set; }

    /// <summary>The connection; null before the first one was begun.</summary>
    internal IConnectionMultiplexer? Connection => _connection;

    /// <summary>Is called by the probe in the background whenever Redis has answered it.</summary>
    internal Func<IConnectionMultiplexer, Task>? OnAnswered { get; set; }

    /// <summary>Asks Redis for something that can be done without.</summary>
    /// <returns>Null when it is away, or does not answer in time.</returns>
    public async Task<T?> TryAsync<T>(Func<IDatabase, Task<T>> command)
        where T : struct
    {
        if (!_isUp || _connection is not { } connection)
        {
            return null;
        }

        try
        {
            return await command(connection.GetDatabase()).WaitAsync(_settings.Timeout, _clock);
        }
        catch (Exception e) when (IsAway(e))
        {
            _isUp = false;
            return null;
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _watching = Task.Run(WatchAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!_isDisposed)
        {
            await _stopped.CancelAsync();
            await _watching.WaitAsync(cancellationToken);
        }
    }

    // A host that a test stops may do so twice.
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _stopped.CancelAsync();
        await _watching;
        if (_connection is { } connection)
        {
            await connection.DisposeAsync();
        }

        _meter.Dispose();
        _stopped.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(BetweenProbes, _clock);
        try
        {
            do
            {
                Note(await ProbeAsync());
            }
            while (await timer.WaitForNextTickAsync(_stopped.Token));
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    /// <returns>Why it is away; null when it is not.</returns>
    private async Task<string?> ProbeAsync()
    {
        try
        {
            var connection = _connection ??= await ConnectAsync();
            await connection.GetDatabase().PingAsync().WaitAsync(PatienceOfProbes, _clock, _stopped.Token);
            if (OnAnswered is { } answered)
            {
                await answered(connection).WaitAsync(PatienceOfProbes, _clock, _stopped.Token);
            }

            return null;
        }
        catch (Exception e) when (IsAway(e))
        {
            return e is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } ? "it refuses the password" : e.GetType().Name;
        }
    }

    // It comes back by itself; commands fail at once meanwhile, and do not wait for it in a queue.
    private async Task<ConnectionMultiplexer> ConnectAsync()
    {
        var options = _settings.ToOptions();
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ClientName = _service.Name;
        options.ConnectTimeout = 2000;
        options.AsyncTimeout = options.SyncTimeout = 1000;
        options.KeepAlive = 5;
        options.ReconnectRetryPolicy = new LinearRetry(1000);
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        connection.ConnectionFailed += (_, _) => _isUp = false;
        return connection;
    }

    private void Note(string? trouble)
    {
        _isUp = trouble is null;
        if (_said == _isUp)
        {
            return;
        }

        Since = _clock.GetUtcNow();
        if (trouble is not null)
        {
            LogAway(_logger, trouble);
        }
        else if (_said is not null)
        {
            LogBack(_logger);
        }

        _said = _isUp;
    }

    private static bool IsAway(Exception e) => e is RedisException or TimeoutException or ObjectDisposedException or IOException
        or System.Net.Sockets.SocketException;

    [LoggerMessage(1901, LogLevel.Warning, "Redis is away ({Reason}): what replicas share through it each has for itself until it is back.",
        EventName = "redis.away")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(1902, LogLevel.Information, "Redis is back.", EventName = "redis.back")]
    private static partial void LogBack(ILogger logger);
}
