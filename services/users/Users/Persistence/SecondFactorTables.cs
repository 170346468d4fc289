using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0012_second_factors")]
public sealed class SecondFactorTables : SqlMigration;
