using Orders.Payments;
using Orders.Tests.Fulfilment;

namespace Orders.Tests.Payments;

public sealed class A_payment
{
    private readonly Payment _payment = Payment.ToAuthorize(Guid.CreateVersion7(), Guid.CreateVersion7(), A.User, A.Total, "pm_card_visa", A.Now);

    [Fact]
    public void Whose_refund_is_refused_keeps_the_code_and_the_time_and_asks_under_another_key()
    {
        Stands(PaymentOperation.Authorize, PaymentState.Authorized).ShouldBe(Reaction.Answer);
        _payment.Request(PaymentOperation.Capture, A.Now);
        Stands(PaymentOperation.Capture, PaymentState.Captured).ShouldBe(Reaction.Answer);
        _payment.OperationSince.ShouldBeNull();

        _payment.Request(PaymentOperation.Refund, A.Now).ShouldBe(Reaction.Execute);
        _payment.Record(PaymentOperation.Refund, new PaymentOutcome.Declined("balance_insufficient"), A.Now.AddMinutes(1)).ShouldBe(Reaction.CheckLater);
        _payment.Request(PaymentOperation.Refund, A.Now.AddHours(1));

        _payment.ShouldSatisfyAllConditions(
            p => p.Status.ShouldBe(PaymentState.Captured),
            p => p.UnknownReason.ShouldBe("balance_insufficient"),
            p => p.OperationSince.ShouldBe(A.Now),
            p => p.Key.For("refund").ShouldBe($"order-{p.OrderId}-refund-1"));
    }

    private Reaction Stands(PaymentOperation operation, PaymentState state)
    {
        _payment.Claim(A.Now);
        return _payment.Record(operation, PaymentOutcome.Of(new ProviderPayment("pi_1", state, A.Total, _payment.OrderId, null, A.Now)), A.Now);
    }
}
