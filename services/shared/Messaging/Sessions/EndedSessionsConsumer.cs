using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Users.V1;

namespace Chassis.Messaging.Sessions;

/// <summary>Writes down for every replica whose sessions have ended.</summary>
internal sealed class EndedSessionsConsumer(DbContext db) : IConsumer<UserSessionsEnded>
{
    public Task Consume(ConsumeContext<UserSessionsEnded> context) => EndedSessions.RecordAsync(
        db, context.Message.UserId, context.Message.Epoch, context.Message.EndedAt, context.CancellationToken);
}

public static class EndedSessionsExtensions
{
    /// <summary>The service refuses tokens of sessions that have ended. For every service but the issuer, which asks its own accounts.</summary>
    /// <param name="bus">The service's bus.</param>
    /// <param name="service">The service's name; the ends have a queue of their own, so that they wait behind nothing else.</param>
    public static void AddEndedSessions(this IBusRegistrationConfigurator bus, string service)
    {
        bus.AddConsumer<EndedSessionsConsumer>().Endpoint(e => e.Name = $"{service}.sessions");
        bus.AddHostedService<EndedSessionsWatch>();
    }
}
