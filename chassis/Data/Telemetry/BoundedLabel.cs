using System.Collections.Concurrent;

namespace Chassis.Data;

/// <summary>
/// Keeps a label of metrics from having as many values as somebody outside can think of: each value is a series of its own at whoever stores them, for good.
/// The first values that this process meets stand for themselves, the rest for one.
/// </summary>
/// <param name="limit">How many values stand for themselves.</param>
/// <param name="met">Is told each of them when it is met first, and <see cref="Other"/> when that is.</param>
public sealed class BoundedLabel(int limit = BoundedLabel.Limit, Action<string>? met = null)
{
    /// <summary>Values that stand for themselves, where nothing else is said.</summary>
    public const int Limit = 50;

    /// <summary>What all the others are called.</summary>
    public const string Other = "other";

    /// <summary>What the lack of a value is called; to Prometheus that is the same as no label.</summary>
    public const string None = "";

    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.Ordinal);
    private readonly Lock _meeting = new();
    private int _count;

    /// <summary>The value to measure under.</summary>
    /// <param name="value">Of any origin; null is <see cref="None"/>, which takes no place.</param>
    public string Of(string? value)
    {
        value ??= None;
        return _known.ContainsKey(value) ? value : Meet(value);
    }

    private string Meet(string value)
    {
        lock (_meeting)
        {
            if (_known.ContainsKey(value))
            {
                return value;
            }

            if (value is not (None or Other))
            {
                if (_count == limit)
                {
                    return Of(Other);
                }

                _count++;
            }

            met?.Invoke(value);
            _known[value] = true;
            return value;
        }
    }
}
