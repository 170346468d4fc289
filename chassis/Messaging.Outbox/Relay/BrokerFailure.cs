using System.Net.Sockets;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Relay;

/// <summary>Tells the broker's absence, and what it does to a connection in use, from faults of our own.</summary>
internal static class BrokerFailure
{
    public static bool Is(Exception e) =>
        e is RabbitMQClientException or IOException or TimeoutException or SocketException or OperationCanceledException or ObjectDisposedException;

    /// <summary>Whether the broker is there and refuses the name or the password.</summary>
    public static bool IsRefusal(Exception? e) =>
        e is AuthenticationFailureException or PossibleAuthenticationFailureException
            || (e is AggregateException several ? several.InnerExceptions.Any(IsRefusal) : e is not null && IsRefusal(e.InnerException));
}
