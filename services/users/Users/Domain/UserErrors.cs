namespace Users.Domain;

/// <summary>Why an account does not do what it is asked for.</summary>
/// <param name="Code">Stable name in snake_case.</param>
/// <param name="Message">One sentence for whoever asked.</param>
internal sealed record UserError(string Code, string Message);

internal static class UserErrors
{
    public static readonly UserError Deactivated = new("user_deactivated", "The account is deactivated.");
    public static readonly UserError NotDeactivated = new("user_not_deactivated", "Only a deactivated account can be reactivated.");
    public static readonly UserError SecondFactorOn = new("second_factor_on", "The account has a second factor. Remove it first.");
    public static readonly UserError SecondFactorOff = new("second_factor_off", "The account has no second factor.");
}
