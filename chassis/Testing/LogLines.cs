using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Chassis.Testing;

/// <summary>What the service has logged.</summary>
public sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<Line> _lines = new();

    public IReadOnlyCollection<string> Lines => [.. _lines.Select(line => line.Text)];

    /// <summary>Warnings and errors, the newest first; those of the health checks only repeat what others say.</summary>
    public IEnumerable<string> Worst => WorstSince(0);

    /// <summary>Warnings and errors since then, the newest first.</summary>
    /// <param name="start">Of <see cref="TimeProvider.System"/>.</param>
    public IEnumerable<string> WorstSince(long start) => _lines.Reverse()
        .Where(line => line.At >= start && line.Level >= LogLevel.Warning && !line.Text.Contains("Health check", StringComparison.Ordinal))
        .Select(line => line.Text);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue(new Line(TimeProvider.System.GetTimestamp(), logLevel, $"{logLevel} {formatter(state, exception)} {exception}"));

    public void Dispose()
    {
    }

    private readonly record struct Line(long At, LogLevel Level, string Text);
}
