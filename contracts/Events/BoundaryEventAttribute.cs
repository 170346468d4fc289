namespace Contracts.Events;

/// <summary>Gives a boundary event its wire name, such as <c>shop.order.submitted.v1</c>.</summary>
/// <remarks>
/// The name is the CloudEvents <c>type</c>, the name of the event's fanout exchange and its routing key on <c>shop.events</c>.
/// It is fixed for ever: a breaking change is a new record with the next version in its name.
/// </remarks>
/// <param name="type">The wire name; it ends in <c>.v</c> and the major version.</param>
/// <param name="subject">The property that identifies what the event is about, for the CloudEvents <c>subject</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class BoundaryEventAttribute(string type, string subject) : Attribute
{
    private const string AnyNamespace = "*.";

    public string Type { get; } = type;

    public string Subject { get; } = subject;

    /// <summary>Published still, for consumers that have not moved to the next version; new consumers should not bind to it.</summary>
    public bool Deprecated { get; init; }

    /// <summary>The wire name in one system: what begins with a star is every system's, and begins with its word there.</summary>
    internal string TypeIn(string eventNamespace) =>
        Type.StartsWith(AnyNamespace, StringComparison.Ordinal) ? $"{eventNamespace}.{Type[AnyNamespace.Length..]}" : Type;
}
