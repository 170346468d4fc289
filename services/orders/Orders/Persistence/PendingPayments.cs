using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0005_pending_payments")]
public sealed class PendingPayments : SqlMigration;
