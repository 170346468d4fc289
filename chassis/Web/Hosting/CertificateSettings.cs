using System.ComponentModel.DataAnnotations;

namespace Chassis.Web;

/// <summary>
/// The server's own certificate, in the section that Kestrel reads by itself (<c>Kestrel:Certificates:Default</c>); here it is only looked at, so that what is
/// wrong with it is said at the start and by its name.
/// </summary>
internal sealed record CertificateSettings : IValidatableObject
{
    public const string Section = "Kestrel:Certificates:Default";

    /// <summary>
    /// File of the certificate and those that vouch for it, in PEM; null or empty where there is no TLS, or the certificate comes from elsewhere.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>File of its key, in PEM.</summary>
    public string? KeyPath { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        from file in new[] { (Name: nameof(Path), Value: Path), (Name: nameof(KeyPath), Value: KeyPath) }
        where !string.IsNullOrEmpty(file.Value)
        let problem = ProblemOf(file.Value)
        where problem is not null
        select new ValidationResult($"cannot be read: {problem}", [file.Name]);

    private static string? ProblemOf(string file)
    {
        try
        {
            using var _ = File.OpenRead(file);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
