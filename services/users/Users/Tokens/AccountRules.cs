using Microsoft.Extensions.Options;

namespace Users.Tokens;

/// <summary>What the settings leave open, and the environment decides: less is asked for in development.</summary>
internal sealed class AccountRules(IOptions<UsersSettings> settings, IHostEnvironment environment)
{
    /// <summary>See <see cref="UsersSettings.ReplaceGivenPasswords"/>.</summary>
    public bool GivenPasswordsAreReplaced => settings.Value.ReplaceGivenPasswords ?? !environment.IsDevelopment();

    /// <summary>See <see cref="SecondFactorSettings.Required"/>.</summary>
    public bool OperatorsNeedSecondFactor => settings.Value.SecondFactor.Required ?? !environment.IsDevelopment();

    /// <summary>See <see cref="UsersSettings.VerifyEmail"/>.</summary>
    public bool AddressesAreVerified => settings.Value.VerifyEmail ?? !environment.IsDevelopment();
}
