namespace Users.Domain;

/// <summary>Marks a value of a core event that tells who a person is: it is sealed with the user's key in the history.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PersonalAttribute : Attribute;

/// <summary>Something that happened to an account. Stays inside this service.</summary>
public abstract record UserEvent;

public sealed record UserRegistered([property: Personal] string? Email, [property: Personal] string? FullName, string Source, string Role) : UserEvent;

public sealed record ProfileUpdated([property: Personal] IReadOnlyList<ProfileChange>? Changes) : UserEvent;

public sealed record ProfileChange(string Field, string? OldValue, string? NewValue);

public sealed record EmailChanged([property: Personal] string? OldEmail, [property: Personal] string? NewEmail) : UserEvent;

public sealed record PasswordChanged(bool ByOperator) : UserEvent;

public sealed record UserDeactivated([property: Personal] string? Reason) : UserEvent;

public sealed record UserReactivated : UserEvent;

public sealed record UserErased : UserEvent;
