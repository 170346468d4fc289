using System.ComponentModel.DataAnnotations;
using System.Net;
using IPNetwork = System.Net.IPNetwork;

namespace Gateway;

/// <summary>Configuration section <c>Gateway</c>.</summary>
public sealed record GatewayOptions : IValidatableObject
{
    public const string Section = "Gateway";

    /// <summary>Who is behind it, by name.</summary>
    public Dictionary<string, ServiceOptions> Services { get; init; } = [];

    /// <summary>
    /// Networks of the proxies in front of it, such as <c>10.0.0.0/8, 192.168.1.7</c>, whose <c>X-Forwarded-*</c> is believed; empty when there are none.
    /// </summary>
    public string Trusted { get; init; } = "";

    /// <summary>How many of them a request passes.</summary>
    [Range(1, 10)]
    public int Hops { get; init; } = 1;

    /// <summary>Within which a request is answered. What is behind it answers sooner by itself. Event streams have no limit.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Within which a replica takes a connection; afterwards the request goes to another one.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Between two looks at a replica's <c>/health/ready</c>, which is out of the way after two that failed in a row.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Within which a replica says how it is.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For how long a replica gets nothing that a request did not reach, or that died under one.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan Rest { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between two looks at the name server, which tells the replicas of a name.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ResolveInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Largest request body in bytes. Who is behind it has closer limits.</summary>
    [Range(1024, int.MaxValue)]
    public long MaxBodySize { get; init; } = 32 * 1024 * 1024;

    /// <summary>Connections of callers at a time, open streams included.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 20_000;

    internal IReadOnlyList<IPNetwork> Networks => [.. Entries.Select(Parse).OfType<IPNetwork>()];

    private IEnumerable<string> Entries => Trusted.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var entry in Entries.Where(e => Parse(e) is null))
        {
            yield return new ValidationResult($"'{entry}' is no address and no network such as 10.0.0.0/8.", [nameof(Trusted)]);
        }

        foreach (var (name, service) in Services)
        {
            foreach (var problem in service.Problems())
            {
                yield return new ValidationResult($"{name}: {problem}", [nameof(Services)]);
            }
        }

        foreach (var port in Services.Values.Select(s => s.Port).OfType<int>().GroupBy(p => p).Where(g => g.Count() > 1))
        {
            yield return new ValidationResult($"two of them listen on port {port.Key}.", [nameof(Services)]);
        }
    }

    private static IPNetwork? Parse(string entry) => IPNetwork.TryParse(entry, out var network) ? network
        : IPAddress.TryParse(entry, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;
}

/// <summary>A service behind the gateway: where callers find it, and where its replicas are.</summary>
public sealed record ServiceOptions
{
    /// <summary>Where the gateway listens for it: <c>http://127.0.0.1:8082</c>. The port says whom a request is for.</summary>
    public string Listen { get; init; } = "";

    /// <summary>
    /// Its replicas, with commas: <c>http://127.0.0.1:8182, http://127.0.0.1:8282</c>. A name stands for every address that the name server has for it.
    /// </summary>
    public string Replicas { get; init; } = "";

    internal int? Port => Parse(Listen)?.Port;

    internal IReadOnlyList<Uri> Addresses => [.. Entries.Select(Parse).OfType<Uri>()];

    private string[] Entries => Replicas.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    internal IEnumerable<string> Problems() =>
    [
        .. Parse(Listen) is null ? (string[])[$"Listen is '{Listen}', and no address such as http://127.0.0.1:8082."] : [],
        .. Entries.Length == 0 ? (string[])["Replicas names nobody."] : [],
        .. Entries.Where(e => Parse(e) is null).Select(e => $"Replicas has '{e}', which is no address such as http://127.0.0.1:8182."),
    ];

    private static Uri? Parse(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri is { Scheme: "http" or "https", AbsolutePath: "/", Query: "" } ? uri : null;
}
