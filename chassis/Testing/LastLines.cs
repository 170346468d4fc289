using System.Collections.Concurrent;

namespace Chassis.Testing;

/// <summary>The end of what a process says, kept while it goes on saying more.</summary>
/// <param name="count">Lines that are kept.</param>
public sealed class LastLines(int count)
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    /// <param name="line">Null, which is how a process says that it has ended, is none.</param>
    public void Add(string? line)
    {
        if (line is null)
        {
            return;
        }

        _lines.Enqueue(line);
        while (_lines.Count > count)
        {
            _lines.TryDequeue(out _);
        }
    }
}
