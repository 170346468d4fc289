using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.UnitOfWork;

/// <summary>Marks a consume context whose transaction is open, for the saga repository and the scheduler.</summary>
internal interface ITransactionalContext
{
    DbContext Database { get; }

    OutboxBuffer Outbox { get; }
}
