using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0003_transaction_clock")]
public sealed class TransactionClockOfTheStore : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateTransactionClock();
}
