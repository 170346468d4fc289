using Chassis.Data;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0011_lists_of_operators")]
internal sealed class ListsOfOperators : SqlMigration;
