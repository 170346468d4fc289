using System.Text.Json;
using System.Text.Json.Serialization;

namespace Inventory.Bench;

/// <summary>One line of the report.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">How much.</param>
/// <param name="Unit">Of what.</param>
/// <param name="Limit">The ratio that is wanted at least.</param>
/// <param name="Ratio">The value as a part of the bare update.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? Limit = null, double? Ratio = null);

internal static class JsonOptions
{
    public static readonly JsonSerializerOptions Report =
        new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
}
