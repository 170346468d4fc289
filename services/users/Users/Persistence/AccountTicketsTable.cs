using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0009_account_tickets")]
public sealed class AccountTicketsTable : SqlMigration;
