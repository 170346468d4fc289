using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0013_normal_addresses")]
public sealed class NormalAddresses : SqlMigration;
