
namespace Chassis.Messaging.Relay;

/// <summary>The rows of one transaction, on their way from the unit of work to the relay of this process.</summary>
internal sealed class Handover(KeyedOrder order, KeyedOrder.Entry[] entries, Action forgotten)
{
    /// <summary>The transaction has committed.</summary>
    public void Complete() => order.End(entries, committed: true);

    /// <summary>The transaction was rolled back, or nobody knows: what is in the table all the same, the sweep finds.</summary>
    public void Abandon()
    {
        order.End(entries, committed: false);
        forgotten();
    }
}
