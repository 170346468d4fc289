namespace Chassis;

/// <summary>Name and version of the running service.</summary>
/// <param name="Name">For example <c>orders</c>.</param>
/// <param name="Version">Version of the entry assembly.</param>
/// <param name="InstanceId">Random id of this process.</param>
public sealed record ServiceIdentity(string Name, string Version, Guid InstanceId);
