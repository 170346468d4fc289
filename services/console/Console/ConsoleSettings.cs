using System.ComponentModel.DataAnnotations;

namespace ShopConsole;

/// <summary>Section <c>Console</c>.</summary>
internal sealed record ConsoleSettings : IValidatableObject
{
    public const string Section = "Console";

    /// <summary>The services that pages ask by name.</summary>
    public static readonly IReadOnlyList<string> Always = ["users", "orders", "inventory", "notifications"];

    /// <summary>Base addresses of the services, by name: <c>orders</c>, <c>users</c>, <c>inventory</c>, <c>notifications</c>, and any that was added.</summary>
    public Dictionary<string, Uri> Services { get; init; } = [];

    /// <summary>The console's id at the issuer of tokens.</summary>
    [Required]
    public string ClientId { get; init; } = "console";

    /// <summary>Of a client that has one. Without it the code alone is proved to be ours (PKCE).</summary>
    public string? ClientSecret { get; init; }

    /// <summary>Folder for the keys that cookies are encrypted with. Without it they go with the process, and everybody signs in again.</summary>
    public string? Keys { get; init; }

    /// <summary>Where traces can be looked at, with <c>{traceId}</c> in it; none without telemetry.</summary>
    public string? TraceUrl { get; init; }

    /// <summary>How long a service may take for one answer to a page.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:30")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(4);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var name in Always.Where(name => !Services.ContainsKey(name)))
        {
            yield return new ValidationResult($"has no address of the service {name}.", [nameof(Services)]);
        }

        foreach (var (name, uri) in Services.Where(s => !s.Value.IsAbsoluteUri || s.Value.Scheme is not ("http" or "https")))
        {
            yield return new ValidationResult($"is no absolute http address: {uri}.", [$"{nameof(Services)}:{name}"]);
        }
    }
}
