using System.Text;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>Spans as they hang together.</summary>
internal sealed class Edges(IReadOnlyList<Span> spans)
{
    private readonly Dictionary<string, Span> _byId = spans.DistinctBy(s => s.SpanId).ToDictionary(s => s.SpanId);

    /// <summary>Those that hang on none of the others.</summary>
    public IReadOnlyList<Span> Roots => [.. spans.Where(s => !_byId.ContainsKey(s.ParentId))];

    /// <summary>Of these edges, <c>service: parent -> service: child</c>, those that are not there.</summary>
    public IReadOnlyList<string> Missing(string edges)
    {
        var there = spans.Where(s => _byId.ContainsKey(s.ParentId)).Select(s => $"{Name(_byId[s.ParentId])} -> {Name(s)}").Distinct().ToList();
        return [.. edges.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Except(there)];
    }

    /// <summary>The trees, as whoever looks for what is missing wants to see them.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var root in Roots)
        {
            Write(root, 0);
        }

        return text.ToString();

        void Write(Span span, int depth)
        {
            text.Append(' ', depth * 2).Append(span).AppendLine(span.Links.Count > 0 ? $" | linked to {string.Join(", ", span.Links)}" : "");
            foreach (var child in spans.Where(s => s.ParentId == span.SpanId))
            {
                Write(child, depth + 1);
            }
        }
    }

    private static string Name(Span span) => $"{span.Service}: {span.Name}";
}
