using System.Diagnostics;

namespace Chassis;

/// <summary>
/// What one piece of work belongs to. Set from the HTTP request or the consumed message, and written on every event, message and log line that follows.
/// </summary>
/// <param name="CorrelationId">Ties together everything that one request from outside has caused.</param>
/// <param name="CausationId">Id of the message that is being handled; null in an HTTP request.</param>
/// <param name="UserId">Subject of whoever asked for it.</param>
/// <param name="TenantId">Tenant that what follows belongs to; null for what belongs to none.</param>
public sealed record OperationContext(string CorrelationId, string? CausationId = null, string? UserId = null, string? TenantId = null)
{
    private static readonly AsyncLocal<OperationContext?> Ambient = new();

    /// <summary>The work at hand. Outside of a request or a message a new one, named after the trace when there is one.</summary>
    public static OperationContext Current
    {
        get => Ambient.Value ??= new OperationContext(Activity.Current?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString());
        private set => Ambient.Value = value;
    }

    /// <summary>Whether somebody has said what the work at hand belongs to.</summary>
    internal static bool IsSet => Ambient.Value is not null;

    /// <summary>Makes a context the current one until the result is disposed.</summary>
    public static IDisposable Begin(OperationContext context)
    {
        var previous = Ambient.Value;
        Current = context;
        return new Restore(previous);
    }

    /// <summary>
    /// Goes on with what is at hand for the tenant of the row that it changes, whoever or whatever timer asked for it, until the result is disposed. Whoever
    /// loads a row to change it begins this, so that the events and messages that follow belong to the row's tenant. ADR: docs/adr/0025-tenants.md.
    /// </summary>
    public static IDisposable BeginTenant(string? tenantId) => Begin(Current with { TenantId = tenantId });

    private sealed class Restore(OperationContext? previous) : IDisposable
    {
        public void Dispose() => Ambient.Value = previous;
    }
}
