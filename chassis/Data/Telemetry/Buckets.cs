using System.Diagnostics.Metrics;

namespace Chassis.Data;

/// <summary>The boundaries of histograms, in seconds: those that a collector takes when nothing is said are made for milliseconds.</summary>
public static class Buckets
{
    /// <summary>Of calls and of messages; those of OpenTelemetry's conventions.</summary>
    public static InstrumentAdvice<double> Calls { get; } = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    /// <summary>Of what a customer or a partner waits for. The bounds of what is promised are among them: 10, 30 and 60 s.</summary>
    public static InstrumentAdvice<double> Waits { get; } = new()
    {
        HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14400, 86400],
    };
}
