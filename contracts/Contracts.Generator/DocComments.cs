using System.Reflection;
using System.Xml.Linq;
using Contracts.Events;

namespace Contracts.Generator;

/// <summary>The doc comments of the records: the one place in which events and members are described.</summary>
public sealed class DocComments
{
    private readonly Dictionary<string, XElement> _types;

    private DocComments(IEnumerable<XDocument> files) =>
        _types = files.Descendants("member")
            .Where(m => ((string)m.Attribute("name")!).StartsWith("T:", StringComparison.Ordinal))
            .ToDictionary(m => ((string)m.Attribute("name")!)[2..]);

    /// <summary>Reads the files that the compiler wrote beside the assemblies of a system's records and of those that every system has.</summary>
    public static DocComments Of(EventCatalogue catalogue) =>
        new(((Assembly[])[catalogue.Contracts, typeof(EventCatalogue).Assembly]).Select(a => XDocument.Load(Path.ChangeExtension(a.Location, ".xml"))));

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
