using System.Globalization;
using System.Net;
using System.Text;

namespace PaymentSandbox;

/// <summary>The ledger for people: the newest movements, the sums by state, and the faults that are switched on.</summary>
internal static class LedgerPage
{
    private const int Newest = 100;

    public static string Render(Ledger ledger, FaultBoard faults)
    {
        var page = new StringBuilder("""
            <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payment sandbox</title>
            <meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="3">
            <style>
              body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2024; }
              table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e2e5e9; }
              td.n { text-align: right; font-variant-numeric: tabular-nums; } code { font-size: 13px; } p.sums span { margin-right: 1.5rem; }
            </style></head><body><h1>Payment sandbox</h1>
            <p>Not a real payment provider: no money moves here. Switch faults on with <code>POST /sandbox/faults</code>; the same ledger as JSON is <a href="/sandbox/ledger">/sandbox/ledger</a>.</p>
            """);

        page.Append("<p class=\"sums\">");
        foreach (var (status, count) in ledger.CountByStatus().OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"<span>{status} <b>{count}</b></span>");
        }

        page.Append("</p>");
        if (faults.Rules.Count > 0)
        {
            page.Append("<h2>Faults switched on</h2><ul>");
            foreach (var rule in faults.Rules)
            {
                page.Append(CultureInfo.InvariantCulture,
                    $"<li>{rule.Kind} on {Text(rule.Operation ?? "everything")}, probability {rule.Probability}, {(rule.Count is { } left ? $"{left} left" : "until removed")}</li>");
            }

            page.Append("</ul>");
        }

        page.Append(
            CultureInfo.InvariantCulture, $"<h2>Ledger, newest {Newest}</h2><table><tr><th>#<th>time<th>movement<th>amount<th>card<th>order<th>payment</tr>");
        foreach (var entry in ledger.Entries(_ => true, Newest))
        {
            page.Append(CultureInfo.InvariantCulture,
                $"<tr><td>{entry.Sequence}<td>{entry.At:HH:mm:ss.fff}<td>{entry.Type}<td class=\"n\">{entry.Amount} {Text(entry.Currency.ToUpperInvariant())} (minor units)<td>{Text(entry.PaymentMethod)}<td><code>{Text(entry.OrderId)}</code><td><code>{entry.PaymentIntent}</code></tr>");
        }

        return page.Append("</table></body></html>").ToString();
    }

    /// <summary>What a bank would show its customer.</summary>
    public static string Authentication(Intent intent) => $"""
        <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payment sandbox: authentication</title></head><body>
        <h1>Is this payment yours?</h1><p>{intent.Amount} {Text(intent.Currency.ToUpperInvariant())} (minor units) for order {Text(intent.Metadata.GetValueOrDefault("order_id"))}</p>
        <form method="post"><button name="outcome" value="succeed">Yes</button> <button name="outcome" value="fail">No</button></form></body></html>
        """;

    private static string Text(string? value) => WebUtility.HtmlEncode(value ?? "–");
}
