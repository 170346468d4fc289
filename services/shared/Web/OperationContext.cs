using System.Diagnostics;

namespace Chassis.Web;

/// <summary>
/// What one piece of work belongs to. Set from the HTTP request or the consumed message, and written on every event, message and log line that follows.
/// </summary>
/// <param name="CorrelationId">Ties together everything that one request from outside has caused.</param>
/// <param name="CausationId">Id of the message that is being handled; null in an HTTP request.</param>
/// <param name="UserId">Subject of whoever asked for it.</param>
/// <param name="TenantId">Tenant whose data may be touched; null for the only tenant of an installation without tenants.</param>
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

    private sealed class Restore(OperationContext? previous) : IDisposable
    {
        public void Dispose() => Ambient.Value = previous;
    }
}
