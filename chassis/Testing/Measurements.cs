using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Testing;

/// <summary>One measurement.</summary>
/// <param name="Labels">As <c>name=value</c>, sorted by name, with a blank between them.</param>
public sealed record Measured(string Instrument, double Value, string Labels);

/// <summary>Hears everything that is measured in this process from now on, and tells it by the service that measured it.</summary>
public sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly List<(object? Scope, Measured Measured)> _heard = [];

    public Measurements()
    {
        _listener.InstrumentPublished = (instrument, self) => self.EnableMeasurementEvents(instrument);
        _listener.SetMeasurementEventCallback<int>((instrument, value, labels, _) => Hear(instrument, value, labels));
        _listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) => Hear(instrument, value, labels));
        _listener.SetMeasurementEventCallback<double>((instrument, value, labels, _) => Hear(instrument, value, labels));
        _listener.Start();
    }

    /// <summary>What a service has measured with an instrument; a gauge says what it says now.</summary>
    /// <param name="service">Its container.</param>
    /// <param name="instrument">Name of the instrument.</param>
    public IReadOnlyList<Measured> Of(IServiceProvider service, string instrument)
    {
        var scope = service.GetRequiredService<IMeterFactory>();
        _listener.RecordObservableInstruments();
        lock (_heard)
        {
            return [.. _heard.Where(h => h.Scope == scope && h.Measured.Instrument == instrument).Select(h => h.Measured)];
        }
    }

    /// <summary>What a counter has counted since, by its labels, also those that were counted zero times.</summary>
    /// <param name="service">Its container.</param>
    /// <param name="counter">Name of the counter.</param>
    public IReadOnlyDictionary<string, double> Counted(IServiceProvider service, string counter) =>
        Of(service, counter).GroupBy(m => m.Labels).ToDictionary(g => g.Key, g => g.Sum(m => m.Value));

    /// <summary>What a gauge says now, by its labels.</summary>
    /// <param name="service">Its container.</param>
    /// <param name="gauge">Name of the gauge.</param>
    public IReadOnlyDictionary<string, double> Gauge(IServiceProvider service, string gauge) =>
        Of(service, gauge).GroupBy(m => m.Labels).ToDictionary(g => g.Key, g => g.Last().Value);

    public void Dispose() => _listener.Dispose();

    private void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var named = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, label) in labels)
        {
            named.Add(name, Convert.ToString(label, CultureInfo.InvariantCulture));
        }

        var measured = new Measured(instrument.Name, value, string.Join(' ', named.Select(l => $"{l.Key}={l.Value}")));
        lock (_heard)
        {
            _heard.Add((instrument.Meter.Scope, measured));
        }
    }
}
