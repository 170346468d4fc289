using System.ComponentModel.DataAnnotations;

namespace Contracts.Events.Platform.V1;

/// <summary>A process of a service is ready.</summary>
/// <param name="Service">Name of the service, for example <c>orders</c>.</param>
/// <param name="InstanceId">Random id of the process; says nothing about the host.</param>
/// <param name="Version">Version of the service.</param>
/// <param name="StartedAt">When it was ready.</param>
[BoundaryEvent("*.system.service-started.v1", nameof(InstanceId))]
public sealed record ServiceStarted([MinLength(1)] string Service, Guid InstanceId, [MinLength(1)] string Version, DateTimeOffset StartedAt);

/// <summary>A process of a service stopped in good order. One that crashed says nothing.</summary>
/// <param name="Service">Name of the service.</param>
/// <param name="InstanceId">The id that it gave when it started.</param>
/// <param name="StoppedAt">When it stopped taking work.</param>
[BoundaryEvent("*.system.service-stopped.v1", nameof(InstanceId))]
public sealed record ServiceStopped([MinLength(1)] string Service, Guid InstanceId, DateTimeOffset StoppedAt);
