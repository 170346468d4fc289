using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Chassis.Messaging.Wire;
using Contracts.Events;

namespace Chassis.Messaging.Erasure;

/// <summary>Replaces the personal texts of a message. What its contract does not know is replaced too, unless it is an id or a time.</summary>
internal sealed class Redaction(EventCatalogue catalogue)
{
    /// <summary>What stands where a text was; long enough for every contract.</summary>
    public const string Erased = "erased";

    /// <returns>The event's data without its personal texts; null when there are none.</returns>
    public string? Event(string type, string data)
    {
        var node = JsonNode.Parse(data);
        return node is not null && Redact(node, catalogue.Find(type)?.ClrType) ? node.ToJsonString() : null;
    }

    /// <summary>The same for a message as it is on the wire, event or command.</summary>
    /// <returns>False when the body cannot be read, so that nobody knows what is in it.</returns>
    public bool TryMessage(string type, byte[] body, out byte[]? redacted)
    {
        redacted = null;
        try
        {
            var node = JsonNode.Parse(body);

            // An envelope says itself what is in it.
            var isEnvelope = node is JsonObject envelope && envelope["messageType"] is JsonArray && envelope["message"] is JsonObject;
            var clrType = isEnvelope ? CommandType(EnvelopeReader.TypeOf(body)) : catalogue.Find(type)?.ClrType;
            if (node is not null && Redact(isEnvelope ? node["message"]! : node, clrType))
            {
                redacted = JsonSerializer.SerializeToUtf8Bytes(node);
            }

            return node is JsonObject;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // No JSON, or JSON in which a text is no text, or a member is there twice: that shows only when it is looked at.
            redacted = null;
            return false;
        }
    }

    /// <returns>Whether anything was replaced.</returns>
    internal static bool Redact(JsonNode node, Type? type)
    {
        switch (node)
        {
            case JsonObject members:
                var contract = type is null ? null : MessageFormatter.OptionsFor(type).GetTypeInfo(type);
                var changed = false;
                foreach (var (name, value) in members.ToList())
                {
                    var member = contract?.Properties.FirstOrDefault(p => p.Name == name);
                    if (value is not JsonValue leaf)
                    {
                        changed |= value is not null && Redact(value, member?.PropertyType);
                    }
                    else if (IsText(leaf) && (member is null || IsPersonal(member)))
                    {
                        members[name] = Erased;
                        changed = true;
                    }
                }

                return changed;
            case JsonArray items:
                var element = type is not null && typeof(IEnumerable).IsAssignableFrom(type) && type.IsGenericType ? type.GetGenericArguments()[0] : null;
                var any = false;
                for (var i = 0; i < items.Count; i++)
                {
                    if (items[i] is JsonValue leaf && element is null && IsText(leaf))
                    {
                        items[i] = Erased;
                        any = true;
                    }
                    else if (items[i] is JsonObject or JsonArray)
                    {
                        any |= Redact(items[i]!, element);
                    }
                }

                return any;
            default:
                return false;
        }
    }

    private static bool IsText(JsonValue leaf) =>
        leaf.TryGetValue<string>(out var text) && text != Erased && !Guid.TryParse(text, out _) && !leaf.TryGetValue<DateTimeOffset>(out _);

    private static bool IsPersonal(JsonPropertyInfo member) =>
        member.AttributeProvider?.IsDefined(typeof(PersonalDataAttribute), inherit: false) == true
        || member.AssociatedParameter?.AttributeProvider?.IsDefined(typeof(PersonalDataAttribute), inherit: false) == true;

    private static Type? CommandType(string? urn)
    {
        const string prefix = "urn:message:";
        if (urn?.StartsWith(prefix, StringComparison.Ordinal) != true)
        {
            return null;
        }

        var name = urn[prefix.Length..].Replace(':', '.');
        return AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic).Select(a => a.GetType(name)).FirstOrDefault(t => t is not null);
    }
}
