using Chassis.Data;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Web.Tests;

/// <summary>That the comparison which every service's tests rest on sees each kind of difference, and says what to write.</summary>
public sealed class SchemaComparisonTests
{
    private const string AsTheModelSays =
        """
        CREATE TABLE racks (id uuid PRIMARY KEY, code character varying(10) NOT NULL);
        CREATE UNIQUE INDEX racks_code ON racks (code);
        CREATE TABLE shelves (id uuid PRIMARY KEY, rack_id uuid NOT NULL REFERENCES racks, label text, weight integer NOT NULL CHECK (weight > 0));
        CREATE INDEX shelves_heavy ON shelves (weight) WHERE weight > 100;
        CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY);
        """;

    [Theory]
    [InlineData("ALTER TABLE shelves DROP COLUMN label", "ALTER TABLE shelves ADD COLUMN label text;")]
    [InlineData("ALTER TABLE shelves DROP COLUMN weight", "ALTER TABLE shelves ADD COLUMN weight integer NOT NULL DEFAULT …;")]
    [InlineData("ALTER TABLE shelves ALTER weight DROP NOT NULL", "ALTER TABLE shelves ALTER COLUMN weight SET NOT NULL;")]
    [InlineData("UPDATE shelves SET label = ''; ALTER TABLE shelves ALTER label SET NOT NULL", "ALTER TABLE shelves ALTER COLUMN label DROP NOT NULL;")]
    [InlineData("ALTER TABLE shelves ALTER weight TYPE bigint", "ALTER TABLE shelves ALTER COLUMN weight TYPE integer;")]
    [InlineData("ALTER TABLE racks ALTER code TYPE character varying(20)", "ALTER TABLE racks ALTER COLUMN code TYPE character varying(10);")]
    [InlineData("ALTER TABLE shelves DROP CONSTRAINT shelves_pkey", "ALTER TABLE shelves ADD PRIMARY KEY (id);")]
    [InlineData("ALTER TABLE shelves DROP CONSTRAINT shelves_rack_id_fkey", "ALTER TABLE shelves ADD FOREIGN KEY (rack_id) REFERENCES racks;")]
    [InlineData("DROP INDEX racks_code", "CREATE UNIQUE INDEX racks_code ON racks (code);")]
    [InlineData("DROP INDEX racks_code; CREATE INDEX racks_code ON racks (code)", "CREATE UNIQUE INDEX racks_code ON racks (code);")]
    [InlineData("DROP TABLE shelves", "CREATE TABLE shelves (…);")]
    [InlineData("ALTER TABLE shelves ADD colour text", "shelves.colour: is in the database and not in the model.")]
    [InlineData("CREATE TABLE ladders (id uuid)", "ladders: is in the database and not in the model.")]
    [InlineData("DROP TABLE journal", "journal: is named as unmapped in this test")]
    public async Task Every_difference_is_found_and_says_what_to_write(string change, string expected)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var db = new StoreRoom(new DbContextOptionsBuilder<StoreRoom>().UseNpgsql().Options);
        await database.ExecuteAsync(AsTheModelSays);
        await db.VerifySchemaAsync(database.Migrations, "journal");

        await database.ExecuteAsync(change);
        var difference = await Should.ThrowAsync<InvalidOperationException>(() => db.VerifySchemaAsync(database.Migrations, "journal"));
        difference.Message.Split(Environment.NewLine).Skip(1).ShouldHaveSingleItem().ShouldContain(expected);
    }

    [Fact]
    public void A_migration_that_was_changed_added_or_removed_is_found()
    {
        var differences = Should.Throw<InvalidOperationException>(() =>
            SchemaComparison.VerifyReleasedMigrations<SampleDbContext>(new Dictionary<string, string>
            {
                ["0000_gone"] = "0123456789abcdef",
                ["0001_initial"] = "0123456789abcdef",
            })).Message;
        differences.ShouldContain("0000_gone: was released and is gone");
        differences.ShouldContain(
            "0001_initial: is not what was released. A database that has run it never runs it again: take the change back and add a new migration instead.");
        differences.ShouldContain("0002_second: is new. List it here: [\"0002_second\"] = ");
    }

    private sealed class StoreRoom(DbContextOptions<StoreRoom> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Rack>(rack =>
            {
                rack.ToTable("racks").Property(r => r.Code).HasMaxLength(10);
                rack.HasIndex(r => r.Code).IsUnique();
            });
            modelBuilder.Entity<Shelf>().ToTable("shelves").HasOne<Rack>().WithMany().HasForeignKey(s => s.RackId);
            modelBuilder.UseSnakeCaseNames();
        }
    }

    private sealed class Rack
    {
        public Guid Id { get; init; }

        public required string Code { get; init; }
    }

    private sealed class Shelf
    {
        public Guid Id { get; init; }

        public Guid RackId { get; init; }

        public string? Label { get; init; }

        public int Weight { get; init; }
    }
}
