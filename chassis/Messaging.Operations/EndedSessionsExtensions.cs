using Chassis.Web;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Messaging.Operations;

public static class EndedSessionsExtensions
{
    /// <summary>The service refuses tokens of sessions that have ended. For every service but the issuer, which asks its own accounts.</summary>
    /// <typeparam name="TConsumer">Writes down what the issuer tells, by <see cref="EndedSessions.RecordAsync"/>.</typeparam>
    /// <param name="bus">The service's bus.</param>
    /// <param name="service">The service's name; the ends have a queue of their own, so that they wait behind nothing else.</param>
    public static void AddEndedSessions<TConsumer>(this IBusRegistrationConfigurator bus, string service)
        where TConsumer : class, IConsumer
    {
        bus.AddConsumer<TConsumer>($"{service}.sessions");
        bus.AddHostedService<EndedSessionsWatch>();
    }
}
