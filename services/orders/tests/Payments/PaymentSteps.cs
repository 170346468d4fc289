using Orders.Payments;
using Shop.Contracts;

namespace Orders.Tests.Payments;

/// <summary>The provider's operations under an order's first keys.</summary>
internal static class PaymentSteps
{
    /// <summary>One authorization as the service asks for it: made, and then confirmed.</summary>
    public static async Task<PaymentOutcome> Authorize(this IPaymentGateway gateway, Guid order, Money amount, string card, CancellationToken ct) =>
        await gateway.CreateAsync(new PaymentKey(order, 0), amount, card, ct) switch
        {
            PaymentOutcome.Created made => await gateway.ConfirmAsync(new PaymentKey(order, 0), made.Payment.Reference, ct),
            var other => other,
        };

    public static Task<PaymentOutcome> Capture(this IPaymentGateway gateway, Guid order, string reference, CancellationToken ct) =>
        gateway.CaptureAsync(new PaymentKey(order, 0), reference, ct);

    public static Task<PaymentOutcome> Void(this IPaymentGateway gateway, Guid order, string reference, CancellationToken ct) =>
        gateway.VoidAsync(new PaymentKey(order, 0), reference, ct);

    public static Task<PaymentOutcome> Refund(this IPaymentGateway gateway, Guid order, string reference, CancellationToken ct) =>
        gateway.RefundAsync(new PaymentKey(order, 0), reference, ct);
}
