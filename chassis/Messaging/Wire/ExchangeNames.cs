namespace Chassis.Messaging.Wire;

/// <summary>Exchanges of the system itself, which carry no type of event.</summary>
internal static class ExchangeNames
{
    /// <summary>Replayed events of every service go there, and from there to the one queue that is named. Services bind their queues to it.</summary>
    public const string Replay = "shop.replay";

    /// <summary>
    /// Leads to the exchange of each event. The broker puts there what a service rejects among the unrouted ones, as it was and under the account that had sent it; nobody may
    /// write there.
    /// </summary>
    public const string Returned = "shop.returned";
}
