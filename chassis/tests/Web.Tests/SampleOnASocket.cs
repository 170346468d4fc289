namespace Chassis.Web.Tests;

/// <summary>The small service where callers have an address.</summary>
public sealed class SampleOnASocket : SampleService
{
    public SampleOnASocket() => Listens = true;
}
