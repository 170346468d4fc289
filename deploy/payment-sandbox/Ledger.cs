using System.Security.Cryptography;

namespace PaymentSandbox;

/// <summary>One movement of money, as <c>GET /sandbox/ledger</c> shows it.</summary>
public sealed record LedgerEntry(
    long Sequence, DateTimeOffset At, string Type, string PaymentIntent, long Amount, string Currency, string PaymentMethod, string? OrderId);

/// <summary>How a request relates to earlier ones with its idempotency key.</summary>
internal abstract record Claim
{
    /// <summary>The first of its kind: execute it, then <see cref="Ledger.Release"/>.</summary>
    internal sealed record Fresh : Claim;

    internal sealed record Replay(Answer Answer) : Claim;

    internal sealed record OtherParameters : Claim;

    internal sealed record InProgress : Claim;
}

/// <summary>Every payment, every answer given under an idempotency key, and the movements of money in order.</summary>
internal sealed class Ledger : IDisposable
{
    private const string OrderId = "order_id";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Intent> _intents = [];
    private readonly List<string> _intentOrder = [];
    private readonly Dictionary<string, List<string>> _intentsByOrder = [];
    private readonly Dictionary<string, (string Fingerprint, Answer Answer)> _answers = [];
    private readonly HashSet<string> _inProgress = [];
    private readonly HashSet<string> _processing = [];
    private readonly List<LedgerEntry> _entries = [];
    private readonly Journal _journal;
    private readonly TimeProvider _clock;

    public Ledger(Journal journal, TimeProvider clock)
    {
        this._journal = journal;
        this._clock = clock;
        foreach (var line in journal.ReadAll())
        {
            Take(line);
        }
    }

    public bool IsWritable => _journal.IsWritable;

    public static string NewId(string prefix) => prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    public Claim TryClaim(string? key, string fingerprint)
    {
        if (key is null)
        {
            return new Claim.Fresh();
        }

        lock (_gate)
        {
            // Also when the effect is there already: the first answer has not been given yet.
            if (_inProgress.Contains(key))
            {
                return new Claim.InProgress();
            }

            if (_answers.TryGetValue(key, out var earlier))
            {
                return earlier.Fingerprint == fingerprint ? new Claim.Replay(earlier.Answer) : new Claim.OtherParameters();
            }

            _inProgress.Add(key);
            return new Claim.Fresh();
        }
    }

    /// <summary>The key's request is over: answered, or failed before it had an effect and may be tried again.</summary>
    public void Release(string? key)
    {
        if (key is not null)
        {
            lock (_gate)
            {
                _inProgress.Remove(key);
            }
        }
    }

    /// <summary>Runs one operation alone and remembers its effect and its answer, or neither.</summary>
    public Answer Execute(string operation, string? key, string fingerprint, Func<IReadOnlyDictionary<string, Intent>, DateTimeOffset, Answer> execute)
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            var now = _clock.GetUtcNow();
            var answer = execute(_intents, now);
            Note(new JournalLine(now, operation, answer.Status, answer.Entry, key, fingerprint, answer.Intent, answer.Refund, answer.Error));
            return answer;
        }
    }

    public Intent? Find(string id)
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            return _intents.GetValueOrDefault(id);
        }
    }

    /// <summary>The payments that carry this order id as metadata, newest first.</summary>
    public IReadOnlyList<Intent> OfOrder(string orderId)
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            return _intentsByOrder.GetValueOrDefault(orderId, []).AsEnumerable().Reverse().Select(id => _intents[id]).ToList();
        }
    }

    /// <summary>Newest first, as the API lists; at most <paramref name="limit"/> that match, and whether there are more.</summary>
    public (IReadOnlyList<Intent> Page, bool More) List(Func<Intent, bool> matches, string? startingAfter, int limit)
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            var from = startingAfter is null ? _intentOrder.Count : _intentOrder.LastIndexOf(startingAfter);
            var page = new List<Intent>(Math.Min(limit, 100) + 1);
            for (var i = from - 1; i >= 0 && page.Count <= limit; i--)
            {
                if (_intents[_intentOrder[i]] is var intent && matches(intent))
                {
                    page.Add(intent);
                }
            }

            var more = page.Count > limit;
            return (more ? page[..limit] : page, more);
        }
    }

    public IReadOnlyList<LedgerEntry> Entries(Func<LedgerEntry, bool> matches, int newest)
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            return _entries.AsEnumerable().Reverse().Where(matches).Take(newest).ToList();
        }
    }

    /// <summary>How many payments there are in each state.</summary>
    public IReadOnlyDictionary<string, int> CountByStatus()
    {
        lock (_gate)
        {
            DecideWhatIsDue();
            return _intents.Values.GroupBy(StatusName).ToDictionary(g => g.Key, g => g.Count());
        }
    }

    public void Dispose() => _journal.Dispose();

    /// <summary>The shop's word for what the provider holds.</summary>
    public static string StatusName(Intent intent) => intent switch
    {
        { Status: "requires_capture" } => "authorized",
        { Status: "succeeded", AmountRefunded: > 0 } => "refunded",
        { Status: "succeeded" } => "captured",
        { Status: "canceled" } => "voided",
        { Status: "requires_confirmation" or "requires_action" or "processing" } => "pending",
        _ => "declined",
    };

    /// <summary>Payments that were processing and have had their time.</summary>
    private void DecideWhatIsDue()
    {
        var now = _clock.GetUtcNow();
        foreach (var intent in _processing.Select(id => _intents[id]).Where(i => i.SandboxDecidesAt <= now.ToUnixTimeMilliseconds()).ToList())
        {
            var answer = Operations.Decide(intent, Cards.DeclineOnAuthorize(intent.PaymentMethod));
            Note(new JournalLine(now, "decide", answer.Status, answer.Entry, Intent: answer.Intent));
        }
    }

    private void Note(JournalLine line)
    {
        _journal.Append(line);
        Take(line);
    }

    private void Take(JournalLine line)
    {
        if (line.Intent is { } intent)
        {
            if (!_intents.ContainsKey(intent.Id))
            {
                _intentOrder.Add(intent.Id);
                if (intent.Metadata.GetValueOrDefault(OrderId) is { } order)
                {
                    (_intentsByOrder.TryGetValue(order, out var ids) ? ids : _intentsByOrder[order] = []).Add(intent.Id);
                }
            }

            _intents[intent.Id] = intent;
            _ = intent.Status == "processing" ? _processing.Add(intent.Id) : _processing.Remove(intent.Id);
            if (line.Entry is { } entry)
            {
                var amount = line.Refund?.Amount ?? (entry == "captured" ? intent.AmountReceived : intent.Amount);
                _entries.Add(new LedgerEntry(
                    _entries.Count + 1, line.At, entry, intent.Id, amount, intent.Currency, intent.PaymentMethod, intent.Metadata.GetValueOrDefault(OrderId)));
            }
        }

        if (line is { Key: { } key, Fingerprint: { } fingerprint })
        {
            _answers[key] = (fingerprint, new Answer(line.Status, line.Entry, line.Intent, line.Refund, line.Error));
        }
    }
}
