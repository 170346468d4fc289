using ShopConsole.Api;
using ShopConsole.Layout;

namespace ShopConsole.Pages.Now;

internal sealed record CheckData(string Name, string Status, string? Description);

internal sealed record OutboxFiguresData(long Pending, double OldestAgeSeconds, long Scheduled, long Parked, double DispatchRate);

internal sealed record LettersFiguresData(long Open, long Parked, DateTimeOffset? NewestAt);

internal sealed record ProjectionFiguresData(string Name, long Position, long Head, long Lag, double LagSeconds, string? Error);

internal sealed record SummaryData(
    string Service, string Version, DateTimeOffset StartedAt, IReadOnlyList<CheckData> Checks, OutboxFiguresData? Outbox, LettersFiguresData? DeadLetters,
    IReadOnlyList<ProjectionFiguresData>? Projections)
{
    public bool IsReady => Checks.All(c => c.Status.Equals("healthy", StringComparison.OrdinalIgnoreCase));
}

internal sealed record StateFiguresData(string State, long Count, DateTimeOffset? OldestAt);

internal sealed record ReconciliationData(
    DateTimeOffset CheckedAt, bool Reconciled, int Records, int ProviderPayments, int Matched, int InFlight, IReadOnlyList<PaymentDifferenceData> Differences);

internal sealed record PaymentDifferenceData(string Kind, Guid? OrderId, Guid? PaymentId, string? ProviderReference, string? Ours, string? Providers);

internal sealed record StockAuditData(bool Consistent, DateTimeOffset CheckedAt, long Skus, long Movements, IReadOnlyList<StockDifferenceData> Differences);

internal sealed record StockDifferenceData(string Sku, string Check, long Expected, long Actual);

/// <param name="Text">What is so, in a sentence.</param>
/// <param name="Link">Where something can be done about it.</param>
/// <param name="Tone">bad, or waits where it may pass by itself.</param>
internal sealed record Need(string Text, string Link, string Tone);

/// <summary>How everything stands now, as all of them say at the same time.</summary>
internal sealed record Overview(
    IReadOnlyList<(string Name, Answer<SummaryData> Summary)> Services, Answer<Listed<StateFiguresData>> Sagas, Answer<ReconciliationData> Money,
    Answer<StockAuditData> Stock)
{
    private static readonly TimeSpan SlowSaga = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SlowOutbox = TimeSpan.FromSeconds(30);

    public static async Task<Overview> ReadAsync(ShopApi api, DateTimeOffset now, CancellationToken ct)
    {
        var summaries = Task.WhenAll(api.Services.Select(async name => (name, await api.GetAsync<SummaryData>(name, "/v1/ops/summary", ct))));
        var sagas = api.GetAsync<Listed<StateFiguresData>>("orders", "/v1/ops/fulfilments/states", ct);
        // Of everything that ever was, it would take minutes; the page of the money asks for more.
        var from = Uri.EscapeDataString(now.AddDays(-1).ToString("O"));
        var money = api.GetAsync<ReconciliationData>("orders", $"/v1/ops/payments/reconciliation?from={from}", ct);
        var stock = api.GetAsync<StockAuditData>("inventory", "/v1/ops/stock-audit", ct);
        return new Overview(await summaries, await sagas, await money, await stock);
    }

    /// <summary>What needs a person, the worst first.</summary>
    public IEnumerable<Need> Needs(DateTimeOffset now)
    {
        foreach (var (name, answer) in Services)
        {
            if (answer.Value is not { } summary)
            {
                if (answer.Trouble!.Kind != TroubleKind.Forbidden)
                {
                    yield return new Need(answer.Trouble.Sentence, "/", "bad");
                }

                continue;
            }

            foreach (var check in summary.Checks.Where(c => !c.Status.Equals("healthy", StringComparison.OrdinalIgnoreCase)))
            {
                yield return new Need($"{name}: {check.Name} is {check.Status}{(check.Description is null ? "" : $" ({check.Description})")}.", "/", "bad");
            }

            if (summary.DeadLetters is { Open: > 0 } letters)
            {
                yield return new Need($"{name} has given up {Words.Count(letters.Open, "message")}.", $"/failed?service={name}", "bad");
            }

            if (summary.Outbox is { Parked: > 0 } outbox)
            {
                yield return new Need($"{name} cannot send {Words.Count(outbox.Parked, "message")}, and has put {(outbox.Parked == 1 ? "it" : "them")} aside.", $"/outbox?service={name}&state=parked", "bad");
            }

            if (summary.Outbox is { } waiting && waiting.OldestAgeSeconds > SlowOutbox.TotalSeconds)
            {
                yield return new Need($"Messages of {name} have waited for {Words.OfSeconds(waiting.OldestAgeSeconds)} to be sent.", $"/outbox?service={name}", "waits");
            }

            foreach (var projection in (summary.Projections ?? []).Where(p => p.Error is not null || p.LagSeconds > 60))
            {
                yield return new Need(
                    projection.Error is null ? $"The projection {projection.Name} of {name} is {Words.OfSeconds(projection.LagSeconds)} behind." : $"The projection {projection.Name} of {name} has stopped: {projection.Error}",
                    "/projections", projection.Error is null ? "waits" : "bad");
            }
        }

        foreach (var saga in (Sagas.Value?.Items ?? []).Where(s => now - s.OldestAt > SlowSaga))
        {
            yield return new Need($"An order has been at {Words.Spaced(saga.State)} for {Words.Of(now - saga.OldestAt!.Value)}.", $"/waiting?state={saga.State}", "waits");
        }

        if (Money.Value is { Reconciled: false } money)
        {
            yield return new Need($"{Words.Count(money.Differences.Count, "difference")} between our payments and the provider's.", "/money", "bad");
        }

        if (Stock.Value is { Consistent: false } stock)
        {
            yield return new Need($"{Words.Count(stock.Differences.Count, "figure")} of the stock do not add up.", "/stock", "bad");
        }
    }
}
