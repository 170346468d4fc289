namespace Shop.Contracts.Platform.V1;

/// <param name="Service">Name of the service, for example <c>orders</c>.</param>
/// <param name="InstanceId">Random id of the process; says nothing about the host.</param>
/// <param name="Version">Version of the service.</param>
/// <param name="StartedAt">When it was ready.</param>
[BoundaryEvent("shop.system.service-started.v1", nameof(InstanceId))]
public sealed record ServiceStarted(string Service, Guid InstanceId, string Version, DateTimeOffset StartedAt);

[BoundaryEvent("shop.system.service-stopped.v1", nameof(InstanceId))]
public sealed record ServiceStopped(string Service, Guid InstanceId, DateTimeOffset StoppedAt);
