namespace Contracts.Events;

/// <summary>Says of a command which services may send it. One that says nothing is a message of the service that consumes it, to itself.</summary>
/// <param name="services">Their names.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SentByAttribute(params string[] services) : Attribute
{
    public IReadOnlyList<string> Services { get; } = services;
}
