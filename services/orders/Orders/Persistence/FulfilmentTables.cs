using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0002_fulfilment")]
public sealed class FulfilmentTables : SqlMigration;
