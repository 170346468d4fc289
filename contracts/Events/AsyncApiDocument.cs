using System.Reflection;

namespace Contracts.Events;

/// <summary>The description of all boundary events of a system, as its contracts carry it beside the records.</summary>
/// <param name="catalogue">Of an assembly with the resources <c>asyncapi.yaml</c> and <c>asyncapi.html</c>.</param>
/// <exception cref="InvalidOperationException">It has none.</exception>
public sealed class AsyncApiDocument(EventCatalogue catalogue)
{
    private readonly string _html = Read(catalogue.Contracts, "asyncapi.html");

    /// <summary>AsyncAPI 3.0, as YAML.</summary>
    public string Yaml { get; } = Read(catalogue.Contracts, "asyncapi.yaml");

    /// <summary>The same for people, as one HTML page.</summary>
    /// <param name="service">The service whose events the reader may want to see alone, for example <c>orders</c>.</param>
    public string Page(string service) => _html.Replace("<body>", $"<body data-service=\"{service}\">", StringComparison.Ordinal);

    private static string Read(Assembly contracts, string name)
    {
        using var stream = contracts.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{contracts.GetName().Name} carries no {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
