namespace Orders.Fulfilment;

/// <summary>What callers call the states of the saga: its own names in camelCase.</summary>
internal static class StateNames
{
    /// <summary>Of an order whose saga has not been heard of yet, and of where every saga begins.</summary>
    public const string NotStarted = "notStarted";

    public static string Of(string state) => char.ToLowerInvariant(state[0]) + state[1..];
}
