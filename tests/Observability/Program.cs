using Shop.Observability;

// What `make observe` shows, looked at: every target is scraped, every rule can be evaluated, every query of every dashboard has data, and nothing is on fire.
// For a system that has worked a while: `make demo` twice. Ends with 1, and a line for each thing that is not so, after two minutes.
var prometheus = new Uri(args.FirstOrDefault() ?? "http://127.0.0.1:9090");
var deadline = DateTimeOffset.UtcNow.AddMinutes(2);
using var client = new HttpClient { BaseAddress = prometheus, Timeout = TimeSpan.FromSeconds(20) };
var look = new Look(client);
while (true)
{
    var findings = await look.FindingsAsync();
    if (findings.Count == 0)
    {
        Console.WriteLine($"{look.Targets} targets are scraped, {look.Rules} rules evaluated, {look.Queries} queries of dashboards have data, and no alert fires.");
        return 0;
    }

    if (DateTimeOffset.UtcNow > deadline)
    {
        Console.Error.WriteLine(string.Join(Environment.NewLine, findings));
        return 1;
    }

    await Task.Delay(TimeSpan.FromSeconds(5));
}
