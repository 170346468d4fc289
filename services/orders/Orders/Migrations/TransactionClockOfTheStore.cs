using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0003_transaction_clock")]
internal sealed class TransactionClockOfTheStore : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateTransactionClock();
}
