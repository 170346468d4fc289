using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0005_session_epochs")]
public sealed class SessionEpochs : SqlMigration;
