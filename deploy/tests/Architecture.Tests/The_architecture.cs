using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Architecture.Tests;

/// <summary>Rules that no compiler keeps, each with its reason.</summary>
public sealed partial class The_architecture
{
    private static readonly string[] TestLibraries = ["xunit", "Shouldly", "NSubstitute", "Microsoft.NET.Test.Sdk", "Microsoft.AspNetCore.Mvc.Testing", "Bogus"];

    private static readonly string[] CommercialLines = ["MediatR", "AutoMapper", "FluentAssertions", "Duende.IdentityServer", "EPPlus", "Moq"];

    [Fact]
    public void Finds_the_projects_that_it_speaks_of()
    {
        Repository.OfServices.Select(p => p.Service).Distinct().Order().ShouldBe(["inventory", "notifications", "orders", "users"]);
        Repository.Projects.Count(p => p.IsChassis).ShouldBe(3);
    }

    [Fact]
    public void No_service_knows_another_one()
    {
        var foreign = from project in Repository.Projects
                      where project.Service is not null
                      from reference in project.Projects
                      where reference.StartsWith("services/", StringComparison.Ordinal)
                          && !reference.StartsWith("services/shared/", StringComparison.Ordinal)
                          && !reference.StartsWith($"services/{project.Service}/", StringComparison.Ordinal)
                      select $"{project} → {reference}";
        foreign.ShouldBeEmpty("services are deployed and changed alone; what they say to each other is in contracts/.");
    }

    [Fact]
    public void The_domain_depends_on_nothing()
    {
        foreach (var project in Repository.Projects.Where(p => p.Name.EndsWith(".Domain", StringComparison.Ordinal)))
        {
            project.Packages.ShouldBeEmpty($"{project}: decisions are pure functions, tested without database, bus or clock.");
            project.Projects.ShouldBeEmpty($"{project}: the domain is what everything else depends on.");
        }
    }

    [Fact]
    public void The_contracts_depend_on_nothing()
    {
        var contracts = Repository.Projects.Single(p => p.Path == "contracts/Contracts/Contracts.csproj");
        contracts.Packages.ShouldBeEmpty("partners take this package; every dependency would be theirs too.");
        contracts.Projects.ShouldBeEmpty("partners take this package; every dependency would be theirs too.");
    }

    [Fact]
    public void Every_service_speaks_by_the_messaging_core_only()
    {
        string[] ways = ["MassTransit.IBus", "MassTransit.IBusControl", "MassTransit.IPublishEndpointProvider", "MassTransit.IRequestClient`1"];
        var around = from project in Repository.OfServices
                     from mention in Repository.MentionsOf(project)
                     where mention.StartsWith("RabbitMQ.", StringComparison.Ordinal) || mention.StartsWith("MassTransit.RabbitMq", StringComparison.Ordinal) || ways.Contains(mention)
                     select $"{project.Path} mentions {mention}";
        around.ShouldBeEmpty("what leaves by the bus directly is sent before the commit or in spite of a roll-back; the scoped endpoints go through the outbox.");
        Repository.OfServices.Where(p => p.Packages.Any(x => x.StartsWith("RabbitMQ", StringComparison.Ordinal) || x.StartsWith("MassTransit", StringComparison.Ordinal)))
            .ShouldBeEmpty("the chassis brings messaging with its policy; a service does not choose its own.");
    }

    [Fact]
    public void The_chassis_knows_nothing_of_the_business()
    {
        var words = from project in Repository.Projects
                    where project.IsChassis
                    from source in Repository.Sources(project.Folder)
                    from line in source.Lines.Select((text, index) => (text, number: index + 1))
                    let word = BusinessWord().Match(line.text)
                    where word.Success
                    select $"{source.Path}:{line.number} says '{word.Value}'";
        words.ShouldBeEmpty("the chassis would serve any other system as well; a business word in it ties every service to one.");
    }

    [Fact]
    public void Test_libraries_stay_in_tests()
    {
        var leaked = from project in Repository.Projects
                     where !project.IsTest
                     from package in project.Packages
                     where TestLibraries.Any(t => package.StartsWith(t, StringComparison.OrdinalIgnoreCase))
                     select $"{project} → {package}";
        leaked.ShouldBeEmpty("what runs in production carries no test library.");
    }

    [Fact]
    public void Production_code_asks_the_clock_that_it_was_given()
    {
        string[] clocks = ["System.DateTime.get_UtcNow", "System.DateTime.get_Now", "System.DateTimeOffset.get_UtcNow", "System.DateTimeOffset.get_Now", "System.Threading.Thread.Sleep"];
        var own = from project in Repository.Projects
                  where project.Service is not null && !project.IsTest
                  from mention in Repository.MentionsOf(project)
                  where clocks.Contains(mention)
                  select $"{project.Path} calls {mention}";
        own.ShouldBeEmpty("time comes from TimeProvider, or a test of a deadline must wait for it.");
    }

    [Fact]
    public void Personal_data_stays_out_of_the_console()
    {
        var console = from project in Repository.OfServices
                      from mention in Repository.MentionsOf(project)
                      where mention.StartsWith("System.Console.Write", StringComparison.Ordinal)
                      select $"{project.Path} calls {mention}";
        console.ShouldBeEmpty("logs are structured, with trace ids and without personal data: use [LoggerMessage].");
    }

    [Fact]
    public void Every_service_starts_in_one_screen()
    {
        foreach (var project in Repository.OfServices.Where(p => File.Exists(Path.Combine(Repository.Root, p.Folder, "Program.cs"))))
        {
            File.ReadAllLines(Path.Combine(Repository.Root, project.Folder, "Program.cs")).Length.ShouldBeLessThan(40, $"{project.Folder}/Program.cs: the parts belong to modules.");
        }
    }

    [Fact]
    public void A_service_is_two_projects_at_most() =>
        Repository.OfServices.GroupBy(p => p.Service).Where(g => g.Count() > 2).Select(g => g.Key)
            .ShouldBeEmpty("a feature is one place; a project per layer tears it apart.");

    [Fact]
    public void Versions_stand_in_one_place()
    {
        var versions = from project in Repository.Projects
                       where project.Path != "contracts/sample/Consumer.csproj"    // Built as a partner would, outside of everything.
                       from reference in XDocument.Load(Path.Combine(Repository.Root, project.Path)).Descendants("PackageReference")
                       where reference.Attribute("Version") is not null
                       select $"{project} → {(string?)reference.Attribute("Include")}";
        versions.ShouldBeEmpty("Directory.Packages.props pins every version, so that two projects cannot disagree.");
    }

    [Fact]
    public void No_package_asks_for_a_licence_fee()
    {
        var central = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(v => (string)v.Attribute("Include")!, v => (string)v.Attribute("Version")!);
        central.Keys.Intersect(CommercialLines).ShouldBeEmpty("anybody may run and change this system without paying for a library.");
        central.Where(v => v.Key.StartsWith("MassTransit", StringComparison.Ordinal)).ShouldAllBe(v => v.Value.EndsWith(",9.0.0)", StringComparison.Ordinal), "9.x is commercial.");
    }

    [Fact]
    public void Nothing_is_left_to_be_done()
    {
        var left = from project in Repository.Projects
                   from source in Repository.Sources(project.Folder)
                   where !source.Path.Contains("/Architecture.Tests/", StringComparison.Ordinal)
                   from line in source.Lines.Select((text, index) => (text, number: index + 1))
                   where Leftover().IsMatch(line.text)
                   select $"{source.Path}:{line.number} {line.text.Trim()}";
        left.Distinct().ShouldBeEmpty("what is missing belongs in an issue, where somebody sees it.");
    }

    [Fact]
    public void No_test_is_switched_off()
    {
        var skipped = from project in Repository.Projects
                      where project.IsTest
                      from source in Repository.Sources(project.Folder)
                      where !source.Path.Contains("/Architecture.Tests/", StringComparison.Ordinal)
                      from line in source.Lines
                      where SkippedTest().IsMatch(line)
                      select $"{source.Path}: {line.Trim()}";
        skipped.Distinct().ShouldBeEmpty("a promise that is not checked is none.");
    }

    // "In order", "order by" and "ordered" are English; a capital Order inside a name, or the nouns below, are the business.
    [GeneratedRegex(@"\b(sku|stock|shipment|payment|invoice|basket|warehouse)s?\b|\b(Sku|Stock|Shipment|Payment|Product|Fulfil)[A-Za-z]*\b|\bOrders?(Id|Line|Status|Submitted|s)?\b(?!\s*=|\s+[a-z])|\border_?id\b", RegexOptions.None)]
    private static partial Regex BusinessWord();

    [GeneratedRegex(@"//.*\b(TODO|FIXME|HACK|XXX)\b|new NotImplementedException\(")]
    private static partial Regex Leftover();

    [GeneratedRegex(@"\b(Fact|Theory|InlineData)\(.*Skip\s*=|Assert\.Skip")]
    private static partial Regex SkippedTest();
}
