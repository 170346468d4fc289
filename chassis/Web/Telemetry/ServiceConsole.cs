using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

internal sealed class ServiceConsoleOptions : ConsoleFormatterOptions
{
    /// <summary>One JSON object per line for machines, else one readable line.</summary>
    public bool Json { get; set; }

    public string Service { get; set; } = "";
}

/// <summary>One line per entry with its event id, trace and correlation ids, so that the lines of one order can be found in all services.</summary>
internal sealed class ServiceConsole(IOptionsMonitor<ServiceConsoleOptions> options) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "service";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var trace = Activity.Current?.TraceId.ToHexString();
        var correlation = OperationContext.IsSet ? OperationContext.Current.CorrelationId : null;
        if (options.CurrentValue.Json)
        {
            WriteJson(textWriter, logEntry, message, trace, correlation);
        }
        else
        {
            WriteLine(textWriter, logEntry, message, trace, correlation);
        }
    }

    private static void WriteLine<TState>(TextWriter writer, in LogEntry<TState> entry, string message, string? trace, string? correlation)
    {
        var line = new StringBuilder(200)
            .Append(TimeProvider.System.GetUtcNow().ToString("HH:mm:ss.fff", null)).Append(' ').Append(Level(entry.LogLevel)).Append(' ')
            .Append(entry.Category.AsSpan(entry.Category.LastIndexOf('.') + 1)).Append('[').Append(entry.EventId.Id).Append("]: ")
            .Append(message.ReplaceLineEndings(" "));
        if (correlation is not null)
        {
            line.Append(" correlation=").Append(correlation);
        }

        if (trace is not null && trace != correlation)
        {
            line.Append(" trace=").Append(trace);
        }

        writer.WriteLine(line);
        if (entry.Exception is not null)
        {
            writer.WriteLine(entry.Exception);
        }
    }

    private void WriteJson<TState>(TextWriter writer, in LogEntry<TState> entry, string message, string? trace, string? correlation)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", TimeProvider.System.GetUtcNow());
            json.WriteString("level", Level(entry.LogLevel));
            json.WriteString("service", options.CurrentValue.Service);
            json.WriteString("category", entry.Category);
            json.WriteNumber("event", entry.EventId.Id);
            json.WriteString("name", entry.EventId.Name);
            json.WriteString("message", message);
            if (trace is not null)
            {
                json.WriteString("traceId", trace);
                json.WriteString("spanId", Activity.Current!.SpanId.ToHexString());
            }

            if (correlation is not null)
            {
                json.WriteString("correlationId", correlation);
            }

            if (entry.Exception is not null)
            {
                json.WriteString("exception", entry.Exception.ToString());
            }

            if (entry.State is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 1 } state)
            {
                json.WriteStartObject("data");
                foreach (var (name, value) in state.Where(p => p.Key != "{OriginalFormat}"))
                {
                    WriteValue(json, name, value);
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        writer.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    // As a machine compares them: numbers as numbers, times as ISO 8601 has them.
    private static void WriteValue(Utf8JsonWriter json, string name, object? value)
    {
        json.WritePropertyName(name);
        switch (value)
        {
            case bool or byte or short or ushort or int or uint or long or ulong or decimal:
            case float or double when double.IsFinite(Convert.ToDouble(value, CultureInfo.InvariantCulture)):
            case DateTime or DateTimeOffset:
                JsonSerializer.Serialize(json, value, value.GetType());
                break;
            case IFormattable formattable:
                json.WriteStringValue(formattable.ToString(null, CultureInfo.InvariantCulture));
                break;
            default:
                json.WriteStringValue(value?.ToString());
                break;
        }
    }

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "trc",
        LogLevel.Debug => "dbg",
        LogLevel.Information => "inf",
        LogLevel.Warning => "wrn",
        LogLevel.Error => "err",
        _ => "crt",
    };
}
