namespace Shop.Contracts;

/// <summary>The description of all boundary events, as it is committed beside the records.</summary>
public static class AsyncApiDocument
{
    /// <summary>AsyncAPI 3.0, as YAML.</summary>
    public static string Yaml { get; } = Read("asyncapi.yaml");

    /// <summary>The same for people, as one HTML page.</summary>
    /// <param name="service">The service whose events the reader may want to see alone, for example <c>orders</c>.</param>
    public static string Page(string service) => Html.Replace("<body>", $"<body data-service=\"{service}\">", StringComparison.Ordinal);

    private static string Html { get; } = Read("asyncapi.html");

    private static string Read(string name)
    {
        using var stream = typeof(AsyncApiDocument).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
