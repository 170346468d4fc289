namespace Chassis;

/// <summary>Settings of which some values are good enough for development only.</summary>
public interface IForDevelopment
{
    /// <summary>What has to be another outside of development: the member, or a configuration path with colons, and why.</summary>
    IEnumerable<(string Setting, string Reason)> OnlyForDevelopment();
}
