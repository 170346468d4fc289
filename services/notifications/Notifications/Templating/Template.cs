using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Notifications.Templating;

/// <summary>A template is wrong; the message says where and what would be right, for somebody who does not program.</summary>
public sealed class TemplateException(string message) : Exception(message);

/// <summary>Text that is HTML already and is not escaped again: only a rendered part that goes into the layout.</summary>
public sealed record HtmlFragment(string Html);

/// <summary>
/// Text with placeholders: a small, strict part of Mustache. <c>{{name}}</c> is a value, <c>{{#name}}…{{/name}}</c> is rendered when there
/// is such a value and once per entry when it is a list, <c>{{^name}}…{{/name}}</c> when there is none, <c>{{! … }}</c> is a comment.
/// There is no way to write a value without escaping, to call anything, or to read a file.
/// </summary>
public sealed class Template
{
    // Letters of every script stay readable in the source of a mail; what HTML gives a meaning is escaped.
    private static readonly HtmlEncoder Escaper = HtmlEncoder.Create(UnicodeRanges.All);

    private readonly List<Node> nodes;
    private readonly bool html;

    private Template(List<Node> nodes, bool html) => (this.nodes, this.html) = (nodes, html);

    private abstract record Node;

    private sealed record Text(string Value) : Node;

    private sealed record Placeholder(string Name, int Line) : Node;

    private sealed record Section(string Name, int Line, bool Inverted, List<Node> Nodes) : Node;

    /// <param name="source">The template.</param>
    /// <param name="html">Whether values are escaped for HTML.</param>
    /// <param name="file">For messages.</param>
    /// <param name="firstLine">Line of the file that the source begins at, for messages.</param>
    /// <exception cref="TemplateException">A tag is not closed, is closed twice, or is no tag.</exception>
    public static Template Parse(string source, bool html, string file, int firstLine = 1)
    {
        var open = new Stack<Section>();
        open.Push(new Section("", firstLine, false, []));
        var line = firstLine;
        var position = 0;
        while (position < source.Length)
        {
            var start = source.IndexOf("{{", position, StringComparison.Ordinal);
            if (start < 0)
            {
                start = source.Length;
            }

            var text = source[position..start];
            line += text.Count(c => c == '\n');
            if (start == source.Length)
            {
                Add(text);
                break;
            }

            var end = source.IndexOf("}}", start, StringComparison.Ordinal);
            if (end < 0)
            {
                throw new TemplateException($"{file}, line {line}: a placeholder is opened with {{{{ and not closed with }}}}.");
            }

            var tag = source[(start + 2)..end].Trim();
            position = end + 2;
            if (tag.Length > 0 && "#^/!".Contains(tag[0], StringComparison.Ordinal) && StandsAlone(source, start, position, out var lineStart, out var lineEnd))
            {
                // A line that holds nothing but such a tag leaves no empty line behind.
                text = text[..^Math.Min(text.Length, start - lineStart)];
                line += source[position..lineEnd].Count(c => c == '\n');
                position = lineEnd;
            }

            Add(text);
            Read(tag);
        }

        var rest = open.Pop();
        return open.Count > 0
            ? throw new TemplateException($"{file}, line {rest.Line}: {{{{#{rest.Name}}}}} is not closed with {{{{/{rest.Name}}}}}.")
            : new Template(rest.Nodes, html);

        void Add(string text)
        {
            if (text.Length > 0)
            {
                open.Peek().Nodes.Add(new Text(text));
            }
        }

        void Read(string tag)
        {
            var name = tag.TrimStart('#', '^', '/').Trim();
            if (!tag.StartsWith('!') && (name.Length == 0 || !name.All(char.IsAsciiLetterOrDigit)))
            {
                throw new TemplateException($"{file}, line {line}: {{{{{tag}}}}} is not a placeholder; a name has letters and digits only.");
            }

            switch (tag[0])
            {
                case '!':
                    break;
                case '#' or '^':
                    open.Push(new Section(name, line, tag[0] == '^', []));
                    break;
                case '/' when open.Count > 1 && open.Peek().Name == name:
                    var section = open.Pop();
                    open.Peek().Nodes.Add(section);
                    break;
                case '/':
                    throw new TemplateException($"{file}, line {line}: {{{{/{name}}}}} closes a part that is not open here.");
                default:
                    open.Peek().Nodes.Add(new Placeholder(name, line));
                    break;
            }
        }
    }

    /// <summary>Refuses names that the model never has, as the sample shows it; values that may be missing are in the sample too.</summary>
    public void Check(IReadOnlyDictionary<string, object?> sample, string file) => Check(nodes, [sample], file);

    public string Render(IReadOnlyDictionary<string, object?> model)
    {
        var output = new StringBuilder();
        Render(nodes, [model], output);
        return output.ToString();
    }

    private static void Check(List<Node> nodes, IReadOnlyDictionary<string, object?>[] scopes, string file)
    {
        foreach (var node in nodes)
        {
            var (name, line) = node switch
            {
                Placeholder p => (p.Name, p.Line),
                Section s => (s.Name, s.Line),
                _ => ("", 0),
            };
            if (line > 0 && !Array.Exists(scopes, s => s.ContainsKey(name)))
            {
                var known = string.Join(", ", scopes.SelectMany(s => s.Keys).Distinct().Order(StringComparer.Ordinal));
                throw new TemplateException($"{file}, line {line}: there is no value '{name}' here. These can be used: {known}.");
            }

            if (node is Section section)
            {
                var inner = Find(scopes, section.Name) is IReadOnlyList<IReadOnlyDictionary<string, object?>> list && !section.Inverted ? list[0] : null;
                Check(section.Nodes, inner is null ? scopes : [inner, .. scopes], file);
            }
            else if (node is Placeholder placeholder && Find(scopes, placeholder.Name) is IReadOnlyList<IReadOnlyDictionary<string, object?>>)
            {
                throw new TemplateException(
                    $"{file}, line {placeholder.Line}: '{placeholder.Name}' is a list: write {{{{#{placeholder.Name}}}}} … {{{{/{placeholder.Name}}}}}.");
            }
        }
    }

    private static object? Find(IReadOnlyDictionary<string, object?>[] scopes, string name) =>
        Array.Find(scopes, s => s.ContainsKey(name))?[name];

    private static bool IsThere(object? value) => value switch
    {
        null => false,
        bool b => b,
        string s => s.Length > 0,
        IReadOnlyList<IReadOnlyDictionary<string, object?>> list => list.Count > 0,
        _ => true,
    };

    private static bool StandsAlone(string source, int start, int end, out int lineStart, out int lineEnd)
    {
        lineStart = start == 0 ? 0 : source.LastIndexOf('\n', start - 1) + 1;
        var newline = source.IndexOf('\n', end);
        lineEnd = newline < 0 ? source.Length : newline + 1;
        return string.IsNullOrWhiteSpace(source[lineStart..start]) && string.IsNullOrWhiteSpace(source[end..lineEnd]);
    }

    private void Render(List<Node> parts, IReadOnlyDictionary<string, object?>[] scopes, StringBuilder output)
    {
        foreach (var node in parts)
        {
            switch (node)
            {
                case Text text:
                    output.Append(text.Value);
                    break;
                case Placeholder placeholder:
                    output.Append(Write(Find(scopes, placeholder.Name)));
                    break;
                case Section { Inverted: true } section when !IsThere(Find(scopes, section.Name)):
                    Render(section.Nodes, scopes, output);
                    break;
                case Section { Inverted: false } section when Find(scopes, section.Name) is IReadOnlyList<IReadOnlyDictionary<string, object?>> list:
                    foreach (var entry in list)
                    {
                        Render(section.Nodes, [entry, .. scopes], output);
                    }

                    break;
                case Section { Inverted: false } section when IsThere(Find(scopes, section.Name)):
                    Render(section.Nodes, scopes, output);
                    break;
            }
        }
    }

    private string Write(object? value) => value switch
    {
        null => "",
        HtmlFragment fragment => fragment.Html,
        _ when html => Escaper.Encode(value.ToString()!),
        _ => value.ToString()!,
    };
}
