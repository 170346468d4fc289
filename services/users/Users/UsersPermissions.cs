using Chassis.Web;

namespace Users;

/// <summary>What operators may do in this service, beside the <see cref="Permissions"/> of every service.</summary>
internal static class UsersPermissions
{
    /// <summary>Giving roles to others and taking them away.</summary>
    public const string ChangeOperators = "operators.write";

    /// <summary>The keys that tokens are signed with.</summary>
    public const string ChangeKeys = "keys.write";
}
