using System.Collections.Frozen;
using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis;
using Users.Domain;

namespace Users.Persistence;

/// <summary>Writes core events into the history and reads them again. Stored names are listed here and never change.</summary>
internal static class UserHistory
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private static readonly FrozenDictionary<Type, Stored> ByClrType = new[]
    {
        new Stored(typeof(UserRegistered), "user-registered", 1),
        new Stored(typeof(ProfileUpdated), "profile-updated", 1),
        new Stored(typeof(EmailChanged), "email-changed", 1),
        new Stored(typeof(EmailVerified), "email-verified", 1),
        new Stored(typeof(PasswordChanged), "password-changed", 1),
        new Stored(typeof(SecondFactorAdded), "second-factor-added", 1),
        new Stored(typeof(SecondFactorRemoved), "second-factor-removed", 1),
        new Stored(typeof(RoleChanged), "role-changed", 1),
        new Stored(typeof(UserDeactivated), "user-deactivated", 1),
        new Stored(typeof(UserReactivated), "user-reactivated", 1),
        new Stored(typeof(UserErased), "user-erased", 1),
    }.ToFrozenDictionary(s => s.ClrType);

    /// <summary>The stored name of an event.</summary>
    public static string NameOf<T>()
        where T : UserEvent => ByClrType[typeof(T)].Name;

    /// <param name="user">The account it happened to.</param>
    /// <param name="happened">The event.</param>
    /// <param name="version">The account's version after the event.</param>
    /// <param name="key">The user's data key; null when nothing personal is to be stored any more.</param>
    /// <param name="eventId">Id of the event.</param>
    public static HistoryEntry Write(User user, UserEvent happened, long version, byte[]? key, Guid eventId)
    {
        var stored = ByClrType[happened.GetType()];
        var payload = JsonSerializer.SerializeToNode(happened, stored.ClrType, Json)!.AsObject();
        var personal = new JsonObject();
        foreach (var name in stored.Personal)
        {
            personal[name] = payload[name]?.DeepClone();
            payload[name] = null;
        }

        var context = OperationContext.Current;
        return new HistoryEntry
        {
            EventId = eventId,
            UserId = user.Id,
            TenantId = user.TenantId,
            Version = version,
            EventType = stored.Name,
            EventVersion = stored.Version,
            Payload = payload.ToJsonString(),
            Personal = personal.Count > 0 && key is not null ? SecretBox.Seal(key, JsonSerializer.SerializeToUtf8Bytes(personal)) : null,
            Metadata = JsonSerializer.Serialize(
                new
                {
                    context.CorrelationId,
                    context.CausationId,
                    context.UserId,
                    context.TenantId,
                    traceParent = Activity.Current?.Id,
                    aggregateId = user.Id,
                    aggregateType = "user",
                },
                Json),
            OccurredAt = user.UpdatedAt,
        };
    }

    /// <summary>The event's values. Personal ones are null when the key is gone.</summary>
    public static JsonObject Read(HistoryEntry entry, byte[]? key)
    {
        var payload = JsonNode.Parse(entry.Payload)!.AsObject();
        if (entry.Personal is not null && key is not null)
        {
            foreach (var (name, value) in JsonNode.Parse(SecretBox.Open(key, entry.Personal))!.AsObject())
            {
                payload[name] = value?.DeepClone();
            }
        }

        return payload;
    }

    /// <summary>A new data key.</summary>
    public static byte[] NewKey() => RandomNumberGenerator.GetBytes(32);

    private sealed record Stored(Type ClrType, string Name, int Version)
    {
        public IReadOnlyList<string> Personal { get; } =
        [
            .. ClrType.GetProperties()
                .Where(p => p.GetCustomAttribute<PersonalAttribute>() is not null)
                .Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)),
        ];
    }
}
