using System.Collections.Concurrent;

namespace Messaging.CrashHost;

/// <summary>Subjects that the consumer chokes on.</summary>
public static class Poison
{
    private static readonly ConcurrentDictionary<Guid, bool> Subjects = [];

    public static void Add(Guid subject) => Subjects[subject] = true;

    public static void Remove(Guid subject) => Subjects.TryRemove(subject, out _);

    public static void Taste(Guid subject)
    {
        if (Subjects.ContainsKey(subject))
        {
            throw new InvalidOperationException($"Nobody can work on {subject}.");
        }
    }
}
