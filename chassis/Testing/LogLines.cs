using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Chassis.Testing;

/// <summary>What the service has logged.</summary>
public sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    /// <summary>Warnings and errors, the newest first.</summary>
    public IEnumerable<string> Worst =>
        _lines.Reverse().Where(line => Enum.Parse<LogLevel>(line[..line.IndexOf(' ', StringComparison.Ordinal)]) >= LogLevel.Warning);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}
