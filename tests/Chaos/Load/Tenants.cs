namespace Shop.Chaos.Load;

/// <summary>
/// The tenants of every run. Each has customers, an operator who is a client of the token service, and a partner who hears of that tenant alone; the third is
/// the installation itself, whose customers have no tenant and whose operator sees all.
/// </summary>
public static class Tenants
{
    public static readonly IReadOnlyList<string> Named = ["north", "south"];

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<string?> All = [null, .. Named];

    /// <summary>What the users service must know to let the tenants' operators in.</summary>
    public static IReadOnlyDictionary<string, string> Settings => Named.SelectMany(tenant => new Dictionary<string, string>
    {
        [$"Users__Clients__{tenant}__Secret"] = SecretOf(tenant),
        [$"Users__Clients__{tenant}__Role"] = "operator",
        [$"Users__Clients__{tenant}__Tenant"] = tenant,
    }).ToDictionary();

    public static string SecretOf(string tenant) => $"the secret of the operator of {tenant}";
}
