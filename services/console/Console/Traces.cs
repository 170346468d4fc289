using Microsoft.Extensions.Options;

namespace ShopConsole;

/// <summary>Where the trace of an order can be looked at.</summary>
internal sealed class Traces(IOptions<ConsoleSettings> settings)
{
    /// <returns>Null where nothing is known of any telemetry, or the id is none.</returns>
    public string? UrlOf(string traceId) =>
        string.IsNullOrEmpty(settings.Value.TraceUrl) || !traceId.All(char.IsAsciiHexDigit)
            ? null
            : settings.Value.TraceUrl.Replace("{traceId}", traceId, StringComparison.Ordinal);
}
