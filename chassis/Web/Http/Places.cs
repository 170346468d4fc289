using System.Collections.Concurrent;

namespace Chassis.Web;

/// <summary>Counts what somebody has open at a time, in this process.</summary>
/// <param name="most">So many at most.</param>
public sealed class Places(int most)
{
    private readonly ConcurrentDictionary<string, int> _taken = new(StringComparer.Ordinal);

    /// <returns>What is to be disposed of in the end; null when all places are taken.</returns>
    public IDisposable? TryTake(string whose)
    {
        if (_taken.AddOrUpdate(whose, 1, (_, n) => n + 1) <= most)
        {
            return new Place(this, whose);
        }

        Leave(whose);
        return null;
    }

    private void Leave(string whose)
    {
        _taken.AddOrUpdate(whose, 0, (_, n) => n - 1);
        _taken.TryRemove(KeyValuePair.Create(whose, 0));
    }

    private sealed class Place(Places places, string whose) : IDisposable
    {
        public void Dispose() => places.Leave(whose);
    }
}
