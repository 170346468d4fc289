using OpenTelemetry;
using OpenTelemetry.Logs;

namespace Chassis.Web;

/// <summary>
/// Gives what leaves over OTLP the correlation id of the work at hand, and the event's id, of which the exporter sends the name alone; trace and span the
/// SDK has given it.
/// </summary>
internal sealed class OperationOfLogRecords : BaseProcessor<LogRecord>
{
    public override void OnEnd(LogRecord data)
    {
        List<KeyValuePair<string, object?>> attributes = [.. data.Attributes ?? []];
        if (data.EventId.Id != 0)
        {
            attributes.Add(new("event.id", data.EventId.Id));
        }

        if (OperationContext.IsSet)
        {
            attributes.Add(new("correlation.id", OperationContext.Current.CorrelationId));
        }

        data.Attributes = attributes;
    }
}
