using System.ComponentModel.DataAnnotations;

namespace Chassis.Web;

/// <summary>How many answers are stored for one caller's <c>Idempotency-Key</c>s, all replicas together. Section <c>StoredAnswers</c>.</summary>
public sealed record StoredAnswersSettings
{
    public const string Section = "StoredAnswers";

    /// <summary>Answers of one day.</summary>
    [Range(1, 10_000_000)]
    public int MaxCount { get; init; } = 50_000;

    /// <summary>Bytes of their bodies.</summary>
    [Range(1024, 10L * 1024 * 1024 * 1024)]
    public long MaxBytes { get; init; } = 64L * 1024 * 1024;
}
