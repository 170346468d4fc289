using Chassis;
using Chassis.Web;

namespace Users.Persistence;

/// <summary>The roles that an account can have, each a bundle of permissions: those of the installation, and those that it does not name otherwise.</summary>
public sealed class OperatorRoles
{
    private static readonly Dictionary<string, string[]> Usual = new(StringComparer.Ordinal)
    {
        ["catalogue-manager"] = ["catalogue.write", "stock.read", Permissions.ReadReports],
        ["warehouse"] = ["stock.read", "stock.write"],
        ["support"] = [Permissions.ReadPersonalData, Permissions.ChangeUsers, "orders.write", "stock.read"],
        ["on-call"] = [Permissions.ReadOperations, Permissions.ActOnOperations, Permissions.Replay],
        ["auditor"] = [Permissions.ReadAudit, Permissions.ReadOperations, Permissions.ReadReports, "stock.read"],
    };

    private readonly Dictionary<string, string[]> _bundles;

    public OperatorRoles(IReadOnlyDictionary<string, string[]> ofInstallation)
    {
        _bundles = new(Usual, StringComparer.Ordinal);
        foreach (var (role, permissions) in ofInstallation)
        {
            _bundles[role] = permissions;
        }
    }

    /// <summary>The bundles, by name. <see cref="Roles.Operator"/> is none: it has every permission there is and will be.</summary>
    public IReadOnlyDictionary<string, string[]> Bundles => _bundles;

    /// <summary>Whether an account can be given the role.</summary>
    public bool Exists(string role) => role is Roles.Customer or Roles.Operator || _bundles.ContainsKey(role);

    /// <summary>What the tokens of such an account name; nothing for a bundle that is no longer there.</summary>
    public string[] PermissionsOf(string role) => _bundles.GetValueOrDefault(role, []);

    /// <summary>Nobody gives, takes away or disturbs what is more than they have themselves.</summary>
    /// <exception cref="ProblemException">403: the role may do something that the caller may not.</exception>
    public void MustHold(Caller caller, string role)
    {
        var holds = role == Roles.Customer
            || caller.IsInRole(Roles.Operator)
            || (_bundles.TryGetValue(role, out var permissions) && permissions.All(caller.May));
        if (!holds)
        {
            throw new ProblemException(
                StatusCodes.Status403Forbidden, "higher_role", "The account may do more than you. Somebody who may do as much has to do this.");
        }
    }
}
