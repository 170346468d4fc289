using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;
using Services;
using Services.Generator;

namespace Architecture.Tests;

/// <summary>
/// What the services log, as their sources declare it. Whoever counts lines, or is woken by one, does it by its id: one that means two things, or changes with
/// a text, is of no use to them.
/// </summary>
public sealed partial class The_log_events
{
    private static readonly IReadOnlyList<LoggedEvent> All = [.. LoggedEvents.In(Repository.Root)];
    private static readonly IReadOnlyDictionary<string, (int First, int Last)> Ranges = LoggedEvents.Ranges(Service.Of(Repository.Root));

    [Fact]
    public void Are_found_with_their_id_level_name_and_message()
    {
        All.Count.ShouldBeGreaterThan(50);
        All.Where(e => e.Problem is not null).Select(e => $"{e.Source} {e.Problem}").ShouldBeEmpty();
    }

    [Fact]
    public void Have_an_id_of_the_range_of_their_project() =>
        All.Where(e => !Ranges.TryGetValue(e.Owner, out var range) || e.Id < range.First || e.Id > range.Last).Select(e => $"{e.Source}: {e.Id}")
            .ShouldBeEmpty("the range of a service stands in its service.json, those of the chassis in tools/Services.Generator/LoggedEvents.cs");

    [Fact]
    public void Have_ranges_that_do_not_meet() =>
        Ranges.Values.Zip(Ranges.Values.Skip(1)).Where(r => r.First.First > r.First.Last || r.Second.First <= r.First.Last).ShouldBeEmpty();

    [Fact]
    public void Have_an_id_and_a_name_of_their_own()
    {
        All.GroupBy(e => e.Id).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.Source))}").ShouldBeEmpty();
        All.GroupBy(e => e.Name).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.Source))}").ShouldBeEmpty();
        All.Where(e => !Name().IsMatch(e.Name)).Select(e => $"{e.Source}: {e.Name}").ShouldBeEmpty("as OpenTelemetry has the names of events: dead_letter.failed");
    }

    [Fact]
    public void Are_all_that_is_logged() =>
        Repository.Product.Where(p => Repository.MentionsOf(p).Any(m => m.Type == "Microsoft.Extensions.Logging.LoggerExtensions")).Select(p => p.Path)
            .ShouldBeEmpty("LogInformation and its like have no id: [LoggerMessage]");

    [Fact]
    public void Say_nothing_of_people() =>
        All.SelectMany(e => Placeholder().Matches(e.Message).Select(m => (e.Source, Name: m.Groups[1].Value))).Where(p => Personal().IsMatch(p.Name))
            .Select(p => $"{p.Source}: {{{p.Name}}}").ShouldBeEmpty("a log is kept and copied where nobody can be forgotten: ids instead");

    [Theory]
    [InlineData("""[LoggerMessage(LogLevel.Warning, "Text", EventName = "a.b")] partial void L();""", "has no id")]
    [InlineData("""[LoggerMessage(4001, LogLevel.Warning, "Text")] partial void L();""", "has no name")]
    [InlineData("""[LoggerMessage(4001, LogLevel.Warning, EventName = "a.b")] partial void L();""", "has no message")]
    [InlineData("""[LoggerMessage(EventId = 4001, EventName = "a.b", Message = "Text")] partial void L();""", "has no level")]
    [InlineData("""[LoggerMessage(EventId = 4001, EventName = "a.b", Message = "Text", Level = LogLevel.Error)] partial void L();""", null)]
    [InlineData("""[LoggerMessage(message: "Text", level: LogLevel.Error, eventId: 4001, EventName = "a.b")] partial void L();""", null)]
    [InlineData("""static readonly object L = LoggerMessage.Define(LogLevel.Error, new EventId(4001), "Text");""", "is logged without a [LoggerMessage]")]
    [InlineData("""void L() => logger.Log(LogLevel.Error, new EventId(4001), state, null, Format);""", "is logged without a [LoggerMessage]")]
    public void Are_read_however_they_are_written(string declaration, string? problem) =>
        LoggedEvents.In("services/orders/Orders/A.cs", CSharpSyntaxTree.ParseText($"class A {{ {declaration} }}").GetRoot(TestContext.Current.CancellationToken))
            .ShouldHaveSingleItem().Problem.ShouldBe(problem);

    [GeneratedRegex("^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$")]
    private static partial Regex Name();

    [GeneratedRegex("{([^}:,]+)")]
    private static partial Regex Placeholder();

    // AddressHash is a keyed one.
    [GeneratedRegex("Mail|(First|Last|Full|User|Customer)Name|Recipient|Phone|Street|City|Address(?!Hash)|Token|Password|Secret|Header|Body|Query", RegexOptions.IgnoreCase)]
    private static partial Regex Personal();
}
