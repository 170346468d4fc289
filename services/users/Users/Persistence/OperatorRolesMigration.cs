using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0011_roles")]
public sealed class OperatorRolesMigration : SqlMigration;
