using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;

namespace Chassis.Messaging.Relay;

/// <summary>The queues of this service that take what it sends to itself without the broker.</summary>
internal interface ILocalEndpoints
{
    /// <summary>Null for what is no queue of this service, or cannot be taken without the broker.</summary>
    ILocalEndpoint? Find(string queue);
}

/// <summary>One of them.</summary>
internal interface ILocalEndpoint
{
    /// <summary>As many at the same time as of what comes over the broker.</summary>
    FairRoom Room { get; }

    /// <summary>Handles a message as if it had come over the broker. An exception says that it could not be handled here just now.</summary>
    Task ConsumeAsync(LocalMessage message);
}
