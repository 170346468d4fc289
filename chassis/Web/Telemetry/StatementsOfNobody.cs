using System.Diagnostics;
using OpenTelemetry;

namespace Chassis.Web;

/// <summary>What a loop asks the database while it looks for work belongs to no trace; each would be one of its own, many times a second.</summary>
internal sealed class StatementsOfNobody : BaseProcessor<Activity>
{
    public override void OnStart(Activity data)
    {
        if (data.ParentSpanId == default && data.Source.Name == "Npgsql")
        {
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            data.IsAllDataRequested = false;
        }
    }
}
