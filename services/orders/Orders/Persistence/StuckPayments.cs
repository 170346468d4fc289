using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0006_stuck_payments")]
public sealed class StuckPayments : SqlMigration;
