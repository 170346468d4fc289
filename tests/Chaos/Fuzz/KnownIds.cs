namespace Shop.Chaos.Fuzz;

/// <summary>Ids, of which the latest hundreds are kept.</summary>
public sealed class KnownIds
{
    private const int Most = 400;
    private readonly List<string> _ids = [];

    public IReadOnlyList<string> All
    {
        get
        {
            lock (_ids)
            {
                return [.. _ids];
            }
        }
    }

    public void Add(string id)
    {
        lock (_ids)
        {
            if (_ids.Contains(id))
            {
                return;
            }

            if (_ids.Count == Most)
            {
                _ids.RemoveAt(0);
            }

            _ids.Add(id);
        }
    }

    public string? Any(Random random)
    {
        lock (_ids)
        {
            return _ids.Count == 0 ? null : _ids[random.Next(_ids.Count)];
        }
    }
}
