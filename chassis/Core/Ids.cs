namespace Chassis;

/// <summary>The one place where ids come from.</summary>
public static class Ids
{
    /// <summary>A UUIDv7: unique, and ordered by the time of its creation, so that index pages fill from one side.</summary>
    public static Guid New(TimeProvider clock) => Guid.CreateVersion7(clock.GetUtcNow());
}
