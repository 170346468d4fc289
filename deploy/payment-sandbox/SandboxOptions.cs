using System.ComponentModel.DataAnnotations;

namespace PaymentSandbox;

/// <summary>Configuration section <c>Sandbox</c>.</summary>
public sealed record SandboxOptions
{
    public const string Section = "Sandbox";

    /// <summary>The secret key that callers present as bearer token or as basic user name. A development default: nothing here is worth stealing.</summary>
    [Required, MinLength(8)]
    public string ApiKey { get; init; } = "sk_test_sandbox";

    /// <summary>Where the journal lives; empty keeps everything in memory.</summary>
    public string DataDirectory { get; init; } = "";

    /// <summary>How late <c>pm_card_slow</c> is answered, in seconds.</summary>
    [Range(0, 300)]
    public double SlowSeconds { get; init; } = 5;

    /// <summary>How long the cards that are <c>processing</c> first take, in seconds.</summary>
    [Range(0, 86_400)]
    public double ProcessingSeconds { get; init; } = 5;

    /// <summary>Seed for faults with a probability, so that a run can be repeated; 0 takes a random one.</summary>
    public int Seed { get; init; }
}
