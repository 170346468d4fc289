using MassTransit.Transports;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Reading begins when the process has made its queues once, and has bound them to the events that are there (<see cref="TopologyWatch"/>): a queue that
/// somebody reads gets what it is to get. The transport makes them as well, and of two who make a quorum queue the broker tells the second that it is there
/// before it runs; whoever reads it then loses the connection with every endpoint on it.
/// </summary>
internal sealed class FirstDeclaration : IReceiveEndpointDependency
{
    private readonly TaskCompletionSource _made = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Ready => _made.Task;

    public void Note() => _made.TrySetResult();
}
