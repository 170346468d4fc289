namespace Chassis.Messaging.Fairness;

/// <summary>Who waits, by whose turn it is: of each one a piece by turns, and of one in the order in which it came. Not for several threads at once.</summary>
internal sealed class RoundRobin<T>
{
    private readonly Dictionary<string, Queue<T>> _lines = [];
    private readonly Queue<string> _turns = [];

    public void Add(string whose, T item)
    {
        if (!_lines.TryGetValue(whose, out var line))
        {
            _lines[whose] = line = new Queue<T>(2);
            _turns.Enqueue(whose);
        }

        line.Enqueue(item);
    }

    public bool TryTake([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T item)
    {
        if (!_turns.TryDequeue(out var whose))
        {
            item = default;
            return false;
        }

        var line = _lines[whose];
        item = line.Dequeue();
        if (line.Count == 0)
        {
            _lines.Remove(whose);
        }
        else
        {
            _turns.Enqueue(whose);
        }

        return true;
    }
}
