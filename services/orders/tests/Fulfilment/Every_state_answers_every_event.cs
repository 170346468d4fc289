using MassTransit;
using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>The whole saga as a table: each state with each event. What the table does not name leaves the saga as it was and says nothing.</summary>
public sealed class Every_state_answers_every_event
{
    /// <summary>
    /// State (with the circumstances that matter) → event → what is done to the order, and the state. <c>again</c>: stays, and asks the same once more.
    /// </summary>
    private const string Table =
        """
        ReservingStock              | StockReserved → AuthorizingPayment; StockReservationFailed → Fail Failed; StockReleased → Fail Failed; CancellationRequested → ReleasingStock; Deadline → ReleasingStock
        AuthorizingPayment          | Authorized → Confirm Shipping; Declined → ReleasingStock; Voided → ReleasingStock; StockReleased → VoidingPayment; CancellationRequested → VoidingPayment; Deadline → VoidingPayment
        Shipping                    | ShipmentDispatched → Ship CapturingPayment; Voided → RecallingShipment; StockReleased → VoidingPayment; CancellationRequested → RecallingShipment; Deadline → RecallingShipment
        CapturingPayment            | Captured → Complete Completed; Declined → VoidingPayment; Voided → Fail Failed; Deadline → again
        RecallingShipment           | StockReleased → VoidingPayment; ShipmentDispatched → Ship CapturingPayment; Deadline → again
        VoidingPayment unauthorized | Voided → ReleasingStock; Declined → ReleasingStock; Refunded → ReleasingStock; Captured → RefundingPayment; Deadline → again
        VoidingPayment              | Voided → ReleasingStock; Refunded → ReleasingStock; Captured → RefundingPayment; Deadline → again
        VoidingPayment shipped      | Voided → Fail Failed; Refunded → Fail Failed; Captured → RefundingPayment; Deadline → again
        RefundingPayment            | Refunded → ReleasingStock; Voided → ReleasingStock; Deadline → again
        RefundingPayment shipped    | Refunded → Fail Failed; Voided → Fail Failed; Deadline → again
        ReleasingStock              | StockReleased → Fail Failed; Deadline → again
        ReleasingStock cancelled    | StockReleased → Cancel Cancelled; Deadline → again
        Completed                   |
        Failed                      |
        Cancelled                   |
        Confirming                  | Deadline → Confirm Shipping; Voided → ReleasingStock; StockReleased → VoidingPayment; CancellationRequested → VoidingPayment
        RecordingShipment           | Deadline → Ship CapturingPayment
        Completing                  | Deadline → Complete Completed
        Failing                     | Deadline → Fail Failed
        Cancelling                  | Deadline → Cancel Cancelled
        """;

    private static readonly Dictionary<string, Type> AskedOnEntering = new()
    {
        ["ReservingStock"] = typeof(ReserveStock),
        ["AuthorizingPayment"] = typeof(AuthorizePayment),
        ["Shipping"] = typeof(ShipOrder),
        ["CapturingPayment"] = typeof(CapturePayment),
        ["RecallingShipment"] = typeof(ReleaseStock),
        ["VoidingPayment"] = typeof(VoidPayment),
        ["RefundingPayment"] = typeof(RefundPayment),
        ["ReleasingStock"] = typeof(ReleaseStock),
    };

    private static readonly Dictionary<string, Func<Guid, object>> Events = new()
    {
        ["StartFulfilment"] = A.Start,
        ["StockReserved"] = id => new StockReserved(id, A.Items, A.Now),
        ["StockReservationFailed"] = id => new StockReservationFailed(id, "tea-1: 2 wanted, 0 there", [new Shortage("tea-1", 2, 0)], A.Now),
        ["StockReleased"] = id => new StockReleased(id, A.Items, "because", A.Now),
        ["Authorized"] = id => A.Payment(id, PaymentStatus.Authorized),
        ["Captured"] = id => A.Payment(id, PaymentStatus.Captured),
        ["Declined"] = id => A.Payment(id, PaymentStatus.Declined),
        ["Voided"] = id => A.Payment(id, PaymentStatus.Voided),
        ["Refunded"] = id => A.Payment(id, PaymentStatus.Refunded),
        ["ShipmentDispatched"] = id => new ShipmentDispatched(A.User, id, "DHL", "JD014", A.Items, A.Now),
        ["CancellationRequested"] = id => new CancellationRequested(id, "changed my mind"),
        ["Deadline"] = id => new DeadlinePassed(id, "the step"),
    };

    public static TheoryData<string> Circumstances => [.. Rows().Select(r => r.Circumstances)];

    [Theory]
    [MemberData(nameof(Circumstances))]
    public async Task As_the_table_says(string circumstances)
    {
        await using var driver = await SagaDriver.StartAsync();
        var answers = Rows().Single(r => r.Circumstances == circumstances).Answers;
        var state = circumstances.Split(' ')[0];
        var differences = new List<string>();
        foreach (var (name, create) in Events)
        {
            var id = Guid.CreateVersion7();
            await driver.Given(A.Saga(id, circumstances));
            var sent = await driver.Deliver(create(id));

            var answer = answers.GetValueOrDefault(name);
            var done = answer is null or "again" ? [] : answer.Split(' ')[..^1];
            var expectedState = answer is null or "again" ? state : answer.Split(' ')[^1];
            List<string> expectedSent = answer is null ? [] : AskedOnEntering.TryGetValue(expectedState, out var command) ? [.. done, command.Name] : [.. done];
            var saga = driver.Find(id)!;
            var actual = $"{saga.CurrentState} sending [{string.Join(", ", sent.Select(m => m.GetType().Name))}]";
            if (actual != $"{expectedState} sending [{string.Join(", ", expectedSent)}]")
            {
                differences.Add($"{name}: expected {expectedState} sending [{string.Join(", ", expectedSent)}], was {actual}");
            }

            if (answer is null && saga.Steps.Count != 1)
            {
                differences.Add($"{name}: the timeline changed.");
            }
        }

        differences.ShouldBeEmpty();
    }

    [Fact]
    public async Task No_pair_of_state_and_event_is_left_without_an_answer()
    {
        await using var driver = await SagaDriver.StartAsync();
        var machine = driver.Machine;
        var waitingFor = machine.Events.Where(e => e is not null && !e.Name.Contains('.', StringComparison.Ordinal)).Append(machine.Deadline.Received).ToList();
        waitingFor.Count.ShouldBe(8);

        var unanswered =
            from state in machine.States
            where state.Name is not ("Initial" or "Final")
            from e in waitingFor
            where !machine.NextEvents(state).Contains(e)
            select $"{state.Name} × {e.Name}";
        unanswered.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_table_has_every_state()
    {
        await using var driver = await SagaDriver.StartAsync();
        driver.Machine.States.Select(s => s.Name).Except(["Initial", "Final"]).Order()
            .ShouldBe(Rows().Select(r => r.Circumstances.Split(' ')[0]).Distinct().Order());
    }

    /// <summary>From each state to each that some event leads to.</summary>
    internal static IEnumerable<(string From, string To)> Ways() =>
        from row in Rows()
        let state = row.Circumstances.Split(' ')[0]
        from answer in row.Answers.Values
        select (state, answer == "again" ? state : answer.Split(' ')[^1]);

    private static IEnumerable<(string Circumstances, Dictionary<string, string> Answers)> Rows() =>
        from line in Table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        let cells = line.Split('|', StringSplitOptions.TrimEntries)
        select (cells[0], cells[1].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(a => a.Split(" → ")).ToDictionary(a => a[0], a => a[1]));
}
