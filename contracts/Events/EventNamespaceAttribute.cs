namespace Contracts.Events;

/// <summary>
/// Says of an assembly of contracts with which word its system's names begin: <c>shop</c> in <c>shop.order.submitted.v1</c>, <c>shop.events</c>,
/// <c>urn:shop:service:orders</c>.
/// </summary>
/// <param name="name">One word in lower case.</param>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class EventNamespaceAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
