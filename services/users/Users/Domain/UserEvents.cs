using System.Text.Json.Serialization;

namespace Users.Domain;

/// <summary>Marks a value of a core event that tells who a person is: it is sealed with the user's key in the history.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PersonalAttribute : Attribute;

/// <summary>Something that happened to an account. Stays inside this service.</summary>
public abstract record UserEvent
{
    /// <summary>Why every open session ends with it; null when they go on.</summary>
    [JsonIgnore]
    public virtual string? EndsSessions => null;
}

internal sealed record UserRegistered([property: Personal] string? Email, [property: Personal] string? FullName, string Source, string Role) : UserEvent;

internal sealed record ProfileUpdated([property: Personal] IReadOnlyList<ProfileChange>? Changes) : UserEvent;

internal sealed record ProfileChange(string Field, string? OldValue, string? NewValue);

internal sealed record EmailChanged([property: Personal] string? OldEmail, [property: Personal] string? NewEmail) : UserEvent
{
    /// <summary>Whether the old address was known to be the owner's.</summary>
    [JsonIgnore]
    public bool OldWasVerified { get; init; }

    [JsonIgnore]
    public override string EndsSessions => "email_changed";
}

/// <summary>The address was shown to be its owner's.</summary>
internal sealed record EmailVerified : UserEvent;

/// <param name="ByOperator">Whether somebody else has set it, which nobody can any more.</param>
internal sealed record PasswordChanged(bool ByOperator) : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "password_changed";
}

internal sealed record SecondFactorAdded : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "second_factor_added";
}

internal sealed record SecondFactorRemoved : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "second_factor_removed";
}

internal sealed record RoleChanged(string OldRole, string NewRole, [property: Personal] string? Reason) : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "role_changed";
}

internal sealed record UserDeactivated([property: Personal] string? Reason) : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "deactivated";
}

internal sealed record UserReactivated : UserEvent;

internal sealed record UserErased : UserEvent
{
    [JsonIgnore]
    public override string EndsSessions => "erased";
}
