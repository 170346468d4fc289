namespace Contracts.Events;

/// <summary>The AMQP headers that carry CloudEvents 1.0 attributes in binary mode. Every value is a string.</summary>
public static class CloudEventHeaders
{
    public const string Prefix = "cloudEvents_";

    public const string SpecVersion = Prefix + "specversion";
    public const string Id = Prefix + "id";
    public const string Source = Prefix + "source";
    public const string Type = Prefix + "type";
    public const string Time = Prefix + "time";
    public const string Subject = Prefix + "subject";
    public const string DataSchema = Prefix + "dataschema";

    // Extensions.
    public const string CorrelationId = Prefix + "correlationid";
    public const string CausationId = Prefix + "causationid";
    public const string Sequence = Prefix + "sequence";
    public const string TenantId = Prefix + "tenantid";
    public const string TraceParent = Prefix + "traceparent";

    /// <summary><c>true</c> on an event that was sent again from the archive to one named queue.</summary>
    public const string Replay = Prefix + "replay";
}
