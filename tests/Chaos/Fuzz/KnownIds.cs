namespace Shop.Chaos.Fuzz;

/// <summary>Ids, of which the latest hundreds are kept.</summary>
public sealed class KnownIds
{
    private const int Most = 400;
    private readonly List<string> ids = [];

    public IReadOnlyList<string> All
    {
        get
        {
            lock (ids)
            {
                return [.. ids];
            }
        }
    }

    public void Add(string id)
    {
        lock (ids)
        {
            if (ids.Contains(id))
            {
                return;
            }

            if (ids.Count == Most)
            {
                ids.RemoveAt(0);
            }

            ids.Add(id);
        }
    }

    public string? Any(Random random)
    {
        lock (ids)
        {
            return ids.Count == 0 ? null : ids[random.Next(ids.Count)];
        }
    }
}
