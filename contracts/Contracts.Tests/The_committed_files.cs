using Contracts.Events;
using Contracts.Generator;
using Shop.Contracts;

namespace Contracts.Tests;

public sealed class The_committed_files
{
    private static readonly Output Contracts = Output.Locate();

    public static TheoryData<string> Generated => [.. Contracts.Files().Keys];

    [Theory]
    [MemberData(nameof(Generated))]
    public void Say_what_the_records_say(string file)
    {
        var path = Contracts.PathOf(file);
        var committed = File.Exists(path) ? File.ReadAllText(path) : "";
        var same = committed.ReplaceLineEndings("\n") == Contracts.Files()[file];
        same.ShouldBeTrue($"contracts/{file} is not what the records give. If the change of the records is meant, run: {Output.Command}");
    }

    [Fact]
    public void Hold_no_schema_without_a_record()
    {
        var committed = Directory.GetFiles(Contracts.PathOf("schemas"), "shop.*.json").Select(Path.GetFileNameWithoutExtension);
        committed.Except(ShopContracts.Catalogue.All.Select(e => e.Type)).ShouldBeEmpty(
            "these schemas have no record any longer. An event is retired as docs/how-to/retire-an-event.md says.");
    }

    [Fact]
    public void Hold_every_version_of_every_event_as_history() =>
        Contracts.Unpublished().Select(e => e.Type).ShouldBeEmpty(
            $"the records of these events say something that schemas/published does not say yet. Run: {Output.Command}, and commit what it writes.");

    [Fact]
    public void Hold_a_golden_sample_of_every_version_in_the_history()
    {
        var samples = Contracts.Samples().Select(s => s.File).ToHashSet();
        var missing = from type in Contracts.PublishedTypes()
                      from published in Contracts.Published(type)
                      let file = $"schemas/samples/{type}/{published.Version}.json"
                      where !samples.Contains(file)
                      select file;
        missing.ShouldBeEmpty("a golden sample is written once with its version and stays for ever.");
    }

    [Fact]
    public void Describe_every_header_that_an_event_may_carry()
    {
        var described = Contracts.Files()["asyncapi.yaml"].Split("cloudEventHeaders:")[^1];
        typeof(CloudEventHeaders).GetFields().Select(f => (string)f.GetRawConstantValue()!).Where(h => h != CloudEventHeaders.Prefix)
            .Where(h => !described.Contains($" {h}:\n", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void Are_what_the_package_serves()
    {
        var document = new AsyncApiDocument(ShopContracts.Catalogue);
        document.Yaml.ReplaceLineEndings("\n").ShouldBe(Contracts.Files()["asyncapi.yaml"], $"build again after: {Output.Command}");
        document.Page("orders").ShouldContain("<body data-service=\"orders\">");
    }
}
