using System.Reflection;
using System.Xml.Linq;

namespace Contracts.Generator;

/// <summary>The doc comments of the records: the one place in which events and members are described.</summary>
public sealed class DocComments
{
    private readonly Dictionary<string, XElement> _types;

    private DocComments(XDocument xml) =>
        _types = xml.Descendants("member").Where(m => ((string)m.Attribute("name")!).StartsWith("T:", StringComparison.Ordinal)).ToDictionary(m => ((string)m.Attribute("name")!)[2..]);

    /// <summary>Reads the file that the compiler wrote beside the assembly.</summary>
    public static DocComments Of(Assembly assembly) => new(XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")));

    public string? Summary(Type type) => _types.TryGetValue(type.FullName!, out var member) ? Text(member.Element("summary")) : null;

    public string? Member(Type type, string name) =>
        _types.TryGetValue(type.FullName!, out var member) ? Text(member.Elements("param").FirstOrDefault(p => (string?)p.Attribute("name") == name)) : null;

    private static string? Text(XElement? element)
    {
        if (element is null)
        {
            return null;
        }

        var text = string.Concat(element.Nodes().Select(n => n switch
        {
            XText t => t.Value,
            XElement { Name.LocalName: "see" } e => ((string)e.Attribute("cref")!).Split('.', ':')[^1],
            XElement { Name.LocalName: "paramref" } e => (string)e.Attribute("name")!,
            XElement e => e.Value,
            _ => "",
        }));
        return string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
