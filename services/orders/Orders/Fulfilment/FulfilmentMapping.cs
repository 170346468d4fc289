using System.Text.Json;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Orders.Fulfilment;

internal sealed class FulfilmentMapping : IEntityTypeConfiguration<FulfilmentState>
{
    public void Configure(EntityTypeBuilder<FulfilmentState> saga)
    {
        saga.ToTable("fulfilments");
        saga.HasKey(s => s.CorrelationId);
        saga.Property(s => s.CorrelationId).HasColumnName("order_id").ValueGeneratedNever();
        saga.Property(s => s.CurrentState).HasColumnName("state");
        saga.Ignore(s => s.Total);
        saga.Property(s => s.Ending).HasConversion(
            e => e == null ? null : e.ToString()!.ToLowerInvariant(), e => e == null ? null : Enum.Parse<Ending>(e, true));

        // Lists are replaced, never changed in place, so a reference says whether there is something to write.
        Json(saga.Property(s => s.Items), _ => []);
        Json(saga.Property(s => s.Steps), _ => []);
        Json(saga.Property(s => s.Address), _ => null);
    }

    private static void Json<T>(PropertyBuilder<T> property, Func<int, T> empty) => property
        .HasColumnType("jsonb")
        .HasConversion(
            value => JsonSerializer.Serialize(value, ContractJson.Options),
            json => JsonSerializer.Deserialize<T>(json, ContractJson.Options) ?? empty(0),
            new ValueComparer<T>((a, b) => ReferenceEquals(a, b), v => v == null ? 0 : v.GetHashCode(), v => v));
}
