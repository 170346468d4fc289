using System.Text;
using System.Text.RegularExpressions;
using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>A message as the producer puts it on the wire, byte for byte, with a placeholder for each value that differs from run to run.</summary>
public static partial class Snapshot
{
    private static readonly string Directory = Path.Combine(ShopCluster.Root, "tests", "System.Tests", "Snapshots");

    public static string Of(Delivery delivery)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in delivery.Headers.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            text.Append(name).Append(": ").Append(name == "cloudEvents_sequence" ? "<number>" : Anonymous(value)).Append('\n');
        }

        return text.Append("content-type: ")
            .Append(delivery.ContentType)
            .Append("\n\n")
            .Append(Anonymous(Encoding.UTF8.GetString(delivery.Body)))
            .Append('\n')
            .ToString();
    }

    /// <summary>What is committed for a type; null when there is nothing.</summary>
    public static string? Committed(string type) => File.Exists(PathOf(type)) ? File.ReadAllText(PathOf(type)).ReplaceLineEndings("\n") : null;

    /// <summary>Writes instead of comparing: with the environment variable <c>UPDATE_SNAPSHOTS=1</c>, after a change that was meant.</summary>
    public static bool Update(string type, string text)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") != "1")
        {
            return false;
        }

        global::System.IO.Directory.CreateDirectory(Directory);
        File.WriteAllText(PathOf(type), text);
        return true;
    }

    private static string PathOf(string type) => Path.Combine(Directory, $"{type}.txt");

    private static string Anonymous(string text)
    {
        text = TraceContext().Replace(text, "<trace>");
        text = Email().Replace(text, "<email>");
        text = Uuid().Replace(text, "<uuid>");
        text = Time().Replace(text, "<time>");
        text = Sku().Replace(text, "<sku>");
        text = Version().Replace(text, "\"version\":\"<version>\"");
        return Random().Replace(text, "<random>");
    }

    // Of a service, which is that of the release.
    [GeneratedRegex("\"version\":\"[^\"]+\"")]
    private static partial Regex Version();

    [GeneratedRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")]
    private static partial Regex TraceContext();

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex Uuid();

    [GeneratedRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]{1,7})?Z")]
    private static partial Regex Time();

    [GeneratedRegex("(SKU-[0-9]+|LOW-[0-9a-f]{32})")]
    private static partial Regex Sku();

    [GeneratedRegex("[a-z]+-[0-9a-f]{32}@example\\.com")]
    private static partial Regex Email();

    // Correlation ids made from trace ids, and tracking numbers.
    [GeneratedRegex("[0-9a-f]{32}|(?<=\"trackingNumber\":\")[^\"]+")]
    private static partial Regex Random();
}
