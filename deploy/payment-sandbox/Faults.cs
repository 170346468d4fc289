using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace PaymentSandbox;

[JsonConverter(typeof(JsonStringEnumConverter<FaultKind>))]
public enum FaultKind
{
    /// <summary>Waits before the operation is executed.</summary>
    [JsonStringEnumMemberName("latency")]
    Latency,

    /// <summary>Waits after it was executed: the effect is there, the answer is late.</summary>
    [JsonStringEnumMemberName("late_answer")]
    LateAnswer,

    /// <summary>Answers with <see cref="FaultRule.Status"/> and executes nothing.</summary>
    [JsonStringEnumMemberName("error_before")]
    ErrorBefore,

    /// <summary>Executes, and answers with <see cref="FaultRule.Status"/> all the same.</summary>
    [JsonStringEnumMemberName("error_after")]
    ErrorAfter,

    /// <summary>Cuts the connection and executes nothing.</summary>
    [JsonStringEnumMemberName("drop_before")]
    DropBefore,

    /// <summary>Executes and cuts the connection.</summary>
    [JsonStringEnumMemberName("drop_after")]
    DropAfter,
}

/// <summary>One switchable fault: <c>POST /sandbox/faults</c>.</summary>
public sealed record FaultRule
{
    /// <summary>Given by the sandbox.</summary>
    public string Id { get; init; } = "";

    public required FaultKind Kind { get; init; }

    /// <summary><c>create</c>, <c>confirm</c>, <c>capture</c>, <c>cancel</c>, <c>refund</c>, <c>retrieve</c>, <c>list</c>; null for every operation.</summary>
    [AllowedValues(null, "create", "confirm", "capture", "cancel", "refund", "retrieve", "list")]
    public string? Operation { get; init; }

    /// <summary>Only this card; null for every card.</summary>
    public string? PaymentMethod { get; init; }

    /// <summary>Only payments of this order; null for every order.</summary>
    public string? OrderId { get; init; }

    /// <summary>How likely the fault is, per request.</summary>
    [Range(0, 1)]
    public double Probability { get; init; } = 1;

    /// <summary>How often it strikes before it is gone; null until it is removed.</summary>
    [Range(1, int.MaxValue)]
    public int? Count { get; init; }

    [Range(0, 300_000)]
    public int DelayMs { get; init; } = 1000;

    [Range(400, 599)]
    public int Status { get; init; } = 503;
}

internal sealed class FaultBoard(Random random)
{
    private readonly Lock _gate = new();
    private ImmutableList<FaultRule> _rules = [];
    private readonly Dictionary<string, int> _attempts = [];

    public IReadOnlyList<FaultRule> Rules => _rules;

    public FaultRule Add(FaultRule rule)
    {
        lock (_gate)
        {
            rule = rule with { Id = Ledger.NewId("fault_") };
            _rules = _rules.Add(rule);
            return rule;
        }
    }

    public bool Remove(string id)
    {
        lock (_gate)
        {
            var before = _rules.Count;
            _rules = _rules.RemoveAll(r => r.Id == id);
            return _rules.Count < before;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _rules = [];
        }
    }

    /// <summary>The faults that strike this request; each one drawn is counted.</summary>
    public IReadOnlyList<FaultRule> Draw(string operation, string? paymentMethod, string? orderId)
    {
        lock (_gate)
        {
            var struck = _rules.Where(r =>
                (r.Operation is null || r.Operation == operation)
                && (r.PaymentMethod is null || r.PaymentMethod == paymentMethod)
                && (r.OrderId is null || r.OrderId == orderId)
                && (r.Probability >= 1 || random.NextDouble() < r.Probability)).ToList();

            foreach (var rule in struck.Where(r => r.Count is not null))
            {
                _rules = rule.Count == 1 ? _rules.Remove(rule) : _rules.Replace(rule, rule with { Count = rule.Count - 1 });
            }

            return struck;
        }
    }

    /// <summary>How often a request of a card that fails at first came, this time included.</summary>
    public int Count(string request)
    {
        lock (_gate)
        {
            return _attempts[request] = _attempts.GetValueOrDefault(request) + 1;
        }
    }
}
