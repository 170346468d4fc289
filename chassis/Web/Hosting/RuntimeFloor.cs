using Microsoft.Extensions.Logging;

namespace Chassis.Web;

/// <summary>
/// Says at the start when the runtime lacks a patch that mends known vulnerabilities. It does not refuse to start: the runtime comes with the image or the
/// machine, and a roll-back must not end at it. Raised by hand, when a security release of .NET matters here: docs/dependencies.md.
/// </summary>
internal static partial class RuntimeFloor
{
    /// <summary>CVE-2026-96233 (a caller can bring the service down) and CVE-2026-70188 (a check can be gone round) are mended in it.</summary>
    public static readonly Version Lowest = new(10, 0, 13);

    /// <param name="logger">Told of a runtime that is older.</param>
    /// <param name="runtime">As a rule <see cref="Environment.Version"/>.</param>
    public static void Check(ILogger logger, Version runtime)
    {
        if (runtime < Lowest)
        {
            LogOutdated(logger, runtime, Lowest);
        }
    }

    [LoggerMessage(1406, LogLevel.Warning, "The runtime is .NET {Runtime}, which has known vulnerabilities; from {Lowest} on they are mended.",
        EventName = "service.runtime_outdated")]
    private static partial void LogOutdated(ILogger logger, Version runtime, Version lowest);
}
