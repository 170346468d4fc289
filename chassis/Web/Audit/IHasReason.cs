namespace Chassis.Web;

/// <summary>A request whose body says why it is made: the audit keeps the reason.</summary>
public interface IHasReason
{
    /// <summary>As it came; not checked yet.</summary>
    string? Reason { get; }
}
