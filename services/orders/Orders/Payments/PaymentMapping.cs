using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Orders.Payments;

internal sealed class PaymentMapping : IEntityTypeConfiguration<Payment>
{
    public void Configure(EntityTypeBuilder<Payment> payment)
    {
        payment.ToTable("payments");
        payment.HasKey(p => p.Id);
        payment.Ignore(p => p.Amount);
        payment.Property<decimal>("AmountValue").HasColumnName("amount");
        payment.Property<string>("Currency");
        payment.Property(p => p.Status).HasConversion(s => s.ToString().ToLowerInvariant(), s => Enum.Parse<PaymentState>(s, true));
        payment.Property(p => p.Operation).HasConversion(
            o => o == null ? null : o.ToString()!.ToLowerInvariant(), o => o == null ? null : Enum.Parse<PaymentOperation>(o, true));
        payment.Ignore(p => p.CaptureRefused);
        payment.Ignore(p => p.Key);
    }
}
