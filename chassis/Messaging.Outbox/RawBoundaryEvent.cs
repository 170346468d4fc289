namespace Chassis.Messaging;

/// <summary>
/// A boundary event as it came, for a consumer that passes on events whatever they are, also those that this version of the contracts does not know.
/// </summary>
/// <param name="Type">The wire name.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Attributes">Every CloudEvents attribute, without the prefix of the headers.</param>
/// <param name="Body">The bytes as received.</param>
public sealed record RawBoundaryEvent(string Type, string Id, IReadOnlyDictionary<string, string> Attributes, ReadOnlyMemory<byte> Body);
