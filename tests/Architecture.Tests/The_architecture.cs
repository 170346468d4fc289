using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Fluent.Syntax.Elements.Types;
using ArchUnitNET.xUnitV3;
using Services;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace Architecture.Tests;

/// <summary>
/// Rules that no compiler keeps, each with its reason: on the compiled code where they speak of code, on the files where they speak of files.
/// </summary>
public sealed partial class The_architecture
{
    private static readonly string[] TestLibraries =
    [
        "xunit", "Shouldly", "NSubstitute", "Microsoft.NET.Test.Sdk", "Microsoft.AspNetCore.Mvc.Testing", "Bogus",
    ];

    /// <summary>
    /// What each part of the chassis may know of the others. The chassis of a service that has no HTTP is Messaging, or EventSourcing, and what is beneath.
    /// </summary>
    private static readonly Dictionary<string, string[]> Layers = new()
    {
        ["Core"] = [],
        ["Data"] = ["Core"],
        ["Redis"] = ["Core"],
        ["Messaging.Outbox"] = ["Events", "Data"],
        ["Messaging"] = ["Messaging.Outbox"],
        ["EventSourcing"] = ["Data"],
        ["Web"] = ["Data", "Redis"],
        ["Messaging.Operations"] = ["Messaging", "Web"],
        ["EventSourcing.Operations"] = ["EventSourcing", "Web"],
    };

    [Fact]
    public void Finds_the_projects_that_it_speaks_of()
    {
        Repository.OfServices.Select(p => p.Service).Distinct().ShouldBe(Service.Of(Repository.Root).Select(s => s.Name), ignoreOrder: true);
        Repository.Projects.Where(p => p.IsChassis).Select(p => p.Name).ShouldBe(Layers.Keys, ignoreOrder: true);
        Repository.Code.Assemblies.Select(a => a.Name).ShouldBe(Repository.Product.Select(p => p.Assembly), ignoreOrder: true);
        Repository.Product.ShouldAllBe(p => TypesOf(p).GetObjects(Repository.Code).Any());
    }

    [Fact]
    public void No_service_knows_another_one()
    {
        const string because = "services are deployed and changed alone; what they say to each other is in contracts/.";
        var foreign = from project in Repository.Projects
                      where project.Service is not null
                      from reference in project.Projects
                      where reference.StartsWith("services/", StringComparison.Ordinal)
                          && !reference.StartsWith($"services/{project.Service}/", StringComparison.Ordinal)
                      select $"{project} → {reference}";
        foreach (var service in Repository.OfServices.GroupBy(p => p.Service))
        {
            TypesOf([.. service])
                .Should()
                .NotDependOnAny(TypesOf([.. Repository.OfServices.Where(p => p.Service != service.Key)]))
                .Because(because)
                .Check(Repository.Code);
        }

        foreign.ShouldBeEmpty(because);
    }

    [Fact]
    public void What_keeps_nothing_knows_the_web_alone()
    {
        var stateless = Service.Of(Repository.Root).Where(s => s.Stateless).Select(s => s.Name).ToList();
        foreach (var project in Repository.OfServices.Where(p => stateless.Contains(p.Service!)))
        {
            project.Projects.ShouldBe(["chassis/Web/Web.csproj"], $"{project}: it asks the others over HTTP, and knows neither their messages nor their tables.");
        }
    }

    [Fact]
    public void The_domain_depends_on_nothing()
    {
        foreach (var project in Repository.Projects.Where(p => p.Name.EndsWith(".Domain", StringComparison.Ordinal)))
        {
            project.Packages.ShouldBeEmpty($"{project}: decisions are pure functions, tested without database, bus or clock.");
            project.Projects.ShouldBeEmpty($"{project}: the domain is what everything else depends on.");
            NeedsNothingButTheFramework(project, "decisions are pure functions, tested without database, bus or clock.");
        }
    }

    [Theory]
    [InlineData("Users")]
    [InlineData("Inventory")]
    public void Decisions_know_neither_HTTP_nor_the_database_nor_what_others_are_told(string service) =>
        Types().That().ResideInNamespaceMatching($@"^{service}\.Domain$").Should()
            .NotDependOnAny(Types(includeReferenced: true).That().HaveFullNameMatching(
                @"^(Microsoft\.(AspNetCore|EntityFrameworkCore)\.|Npgsql\.|MassTransit\.|Chassis\.Web\.|Chassis\.ProblemException$|Shop\.Contracts\.\w+\.V\d)"))
            .Because("what may happen is decided in the service's own terms, and tested without any of these.")
            .Check(Repository.Code);

    [Fact]
    public void The_contracts_depend_on_nothing()
    {
        const string because = "partners take this package; every dependency would be theirs too.";
        foreach (var (path, beneath) in (IEnumerable<(string, string[])>)[(Repository.Events, []), (Repository.Contracts, [Repository.Events])])
        {
            var project = Repository.Projects.Single(p => p.Path == path);
            project.Packages.ShouldBeEmpty(because);
            project.Projects.ShouldBe(beneath, because);
            NeedsNothingButTheFramework(project, because, beneath);
        }
    }

    [Fact]
    public void Every_service_speaks_by_the_messaging_core_only()
    {
        TypesOf([.. Repository.OfServices]).Should()
            .NotDependOnAny(Types(includeReferenced: true).That().ResideInAssemblyMatching(@"^(RabbitMQ\.|MassTransit\.RabbitMq)").Or()
                .HaveFullNameMatching(@"^(RabbitMQ\.|MassTransit\.RabbitMq|MassTransit\.(IBus|IBusControl|IPublishEndpointProvider|IRequestClient`1)$)"))
            .Because("what leaves by the bus directly is sent before the commit or in spite of a roll-back; the scoped endpoints go through the outbox.")
            .Check(Repository.Code);
        Repository.OfServices.Where(
            p => p.Packages.Any(x => x.StartsWith("RabbitMQ", StringComparison.Ordinal) || x.StartsWith("MassTransit", StringComparison.Ordinal)))
            .ShouldBeEmpty("the chassis brings messaging with its policy; a service does not choose its own.");
    }

    [Fact]
    public void The_chassis_knows_nothing_of_the_business()
    {
        const string because = "the chassis would serve any other system as well; a business word in it ties every service to one.";
        var words = from project in Repository.Projects
                    where project.IsChassis
                    from source in Repository.Sources(project.Folder)
                    from line in source.Lines.Select((text, index) => (text, number: index + 1))
                    let word = BusinessWord().Match(line.text)
                    where word.Success
                    select $"{source.Path}:{line.number} says '{word.Value}'";
        words.ShouldBeEmpty(because);
        Repository.Projects.Where(p => p.Path.Split('/') is ["chassis", not "tests", ..] && p.Projects.Contains(Repository.Contracts)).ShouldBeEmpty(because);
        TypesOf([.. Repository.Projects.Where(p => p.IsChassis)])
            .Should()
            .NotDependOnAny(TypesOf([.. Repository.OfServices]))
            .Because(because)
            .Check(Repository.Code);
    }

    [Fact]
    public void The_chassis_is_built_in_layers()
    {
        foreach (var project in Repository.Projects.Where(p => p.IsChassis))
        {
            project.Projects.Select(Path.GetFileNameWithoutExtension).ShouldBe(
                Layers[project.Name], ignoreOrder: true, $"{project}: whoever takes a part takes what is beneath, and nothing beside it.");
        }
    }

    [Fact]
    public void No_part_of_the_chassis_is_larger_than_the_largest_service()
    {
        var largest = Repository.OfServices.GroupBy(p => p.Service).Max(g => g.Sum(Lines));
        Repository.Projects.Where(p => p.IsChassis).Where(p => Lines(p) > largest).Select(p => $"{p}: {Lines(p)} of {largest} lines")
            .ShouldBeEmpty("what serves the business is not larger than the business: such a part is two, or does too much.");

        // Below the project's folder, but not in another project's.
        static int Lines(Project project) => Repository.Sources(project.Folder)
            .Where(
                s => !Repository.Projects.Any(
                    p => p != project
                        && p.Folder.StartsWith(project.Folder + "/", StringComparison.Ordinal)
                        && s.Path.StartsWith(p.Folder + "/", StringComparison.Ordinal)))
            .Sum(s => s.Lines.Length);
    }

    [Fact]
    public void No_two_files_need_each_other()
    {
        var circles = new List<string>();
        foreach (var project in Repository.Product)
        {
            // Of a name that is there twice nobody can say by the sources alone which is meant.
            var files = (from source in Repository.Sources(project.Folder)
                         from line in source.Lines
                         let type = TopLevelType().Match(line)
                         where type.Success
                         select (Name: type.Groups["name"].Value, source.Path)).GroupBy(t => t.Name).Where(g => g.Select(t => t.Path).Distinct().Count() == 1)
                .ToDictionary(g => g.Key, g => g.First().Path);
            string? FileOf(IType type) => files.GetValueOrDefault(type.FullName[(type.FullName.LastIndexOf('.') + 1)..].Split('+', '`')[0]);
            var own = TypesOf(project).GetObjects(Repository.Code).ToList();
            var needs = (from type in own
                         let file = FileOf(type)
                         where file is not null
                         from other in type.Dependencies.Select(d => d.Target)
                         where own.Contains(other)
                         let to = FileOf(other)
                         where to is not null && to != file
                         select (From: file, To: to)).Distinct().ToLookup(n => n.From, n => n.To);
            circles.AddRange(from pair in needs.SelectMany(g => g, (g, to) => (g.Key, to))
                             where string.CompareOrdinal(pair.Key, pair.to) < 0 && needs[pair.to].Contains(pair.Key)
                             select $"{pair.Key} ↔ {pair.to}");
        }

        circles.Distinct().ShouldBeEmpty("whoever reads one would have to read the other first.");
    }

    [Fact]
    public void Messaging_is_built_in_layers()
    {
        string[] outbox = ["Model", "Fairness", "Wire", "Storage", "Relay", "UnitOfWork"];
        string[] layers = [.. outbox, "Erasure", "Queues", "DeadLetters", "Consuming", "Sagas"];
        foreach (var (height, layer) in layers.Index())
        {
            var above = string.Join('|', layers[(height + 1)..]);
            var own = Types().That().ResideInNamespaceMatching($@"^Chassis\.Messaging\.{layer}$");
            own.GetObjects(Repository.Code).ShouldNotBeEmpty();
            if (above.Length > 0)
            {
                own.Should().NotDependOnAny(Types().That().ResideInNamespaceMatching($@"^Chassis\.Messaging\.({above})$"))
                    .Because("from a row to a consumer each folder knows those before it; what registers them all lies in none.")
                    .Check(Repository.Code);
            }
        }

        Folders("Messaging.Outbox").ShouldBe(outbox, ignoreOrder: true);
        Folders("Messaging").ShouldBe(layers.Except(outbox), ignoreOrder: true);

        static IEnumerable<string?> Folders(string project) =>
            Directory.GetDirectories(Path.Combine(Repository.Root, "chassis", project)).Select(Path.GetFileName).Except(["bin", "obj"]);
    }

    [Theory]
    [InlineData("Core", @"^(Microsoft\.AspNetCore|Microsoft\.EntityFrameworkCore|Npgsql)\.")]
    [InlineData("Data", @"^Microsoft\.AspNetCore\.")]
    [InlineData("Redis", @"^(Microsoft\.AspNetCore|Microsoft\.EntityFrameworkCore|Npgsql)\.")]
    [InlineData("Messaging.Outbox", @"^Microsoft\.AspNetCore\.")]
    [InlineData("Messaging", @"^Microsoft\.AspNetCore\.")]
    [InlineData("EventSourcing", @"^Microsoft\.AspNetCore\.")]
    public void Beneath_HTTP_nobody_knows_it_and_beneath_the_database_nobody_knows_that(string project, string foreign) =>
        TypesOf(Repository.Projects.Single(p => p.IsChassis && p.Name == project)).Should()
            .NotDependOnAny(Types(includeReferenced: true).That().HaveFullNameMatching(foreign))
            .Because("a program without requests, or without a database, takes it as it is.")
            .Check(Repository.Code);

    [Fact]
    public void Test_libraries_stay_in_tests()
    {
        const string because = "what runs in production carries no test library.";
        var leaked = from project in Repository.Projects
                     where !project.IsTest
                     from package in project.Packages
                     where TestLibraries.Any(t => package.StartsWith(t, StringComparison.OrdinalIgnoreCase))
                     select $"{project} → {package}";
        leaked.ShouldBeEmpty(because);
        TypesOf([.. Repository.Product]).Should()
            .NotDependOnAny(Types(includeReferenced: true).That().ResideInAssemblyMatching(
                "^(xunit|Shouldly|NSubstitute|Microsoft\\.AspNetCore\\.Mvc\\.Testing|Chassis\\.Testing|Bogus)"))
            .Because(because)
            .Check(Repository.Code);
    }

    [Fact]
    public void Production_code_asks_the_clock_that_it_was_given() =>
        ServicesCallNothingLike(
            @" (System\.(DateTime|DateTimeOffset)::get_(Utc)?Now|System\.Threading\.Thread::Sleep)\(",
            "time comes from TimeProvider, or a test of a deadline must wait for it.");

    [Fact]
    public void Personal_data_stays_out_of_the_console() =>
        ServicesCallNothingLike(
            @" System\.Console::(Write|get_Out|get_Error|OpenStandard)", "logs are structured, with trace ids and without personal data: use [LoggerMessage].");

    [Fact]
    public void Every_service_starts_in_one_screen()
    {
        foreach (var project in Repository.OfServices.Where(p => File.Exists(Path.Combine(Repository.Root, p.Folder, "Program.cs"))))
        {
            File.ReadAllLines(Path.Combine(Repository.Root, project.Folder, "Program.cs")).Length.ShouldBeLessThan(
                40, $"{project.Folder}/Program.cs: the parts belong to modules.");
        }
    }

    [Fact]
    public void A_service_is_two_projects_at_most() =>
        Repository.OfServices.GroupBy(p => p.Service).Where(g => g.Count() > 2).Select(g => g.Key)
            .ShouldBeEmpty("a feature is one place; a project per layer tears it apart.");

    [Fact]
    public void Every_line_of_the_log_has_an_id_of_its_own()
    {
        var ranges = new Dictionary<string, (int From, int To)>
        {
            ["Data"] = (1000, 1099), ["Web"] = (1100, 1899), ["Redis"] = (1900, 1999),
            ["Messaging.Outbox"] = (2000, 2999), ["Messaging"] = (2000, 2999), ["EventSourcing"] = (3000, 3999),
            ["Orders"] = (4000, 4999), ["Notifications"] = (5000, 5999), ["Users"] = (6000, 6999), ["Inventory"] = (7000, 7999),
            ["Console"] = (8000, 8999),
        };
        var ids = (from project in Repository.Product
                   from source in Repository.Sources(project.Folder)
                   from line in source.Lines
                   let id = LogId().Match(line)
                   where id.Success
                   select (project.Name, Id: int.Parse(id.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture), source.Path)).ToList();
        ids.Count.ShouldBeGreaterThan(40);
        ids.Where(i => !ranges.TryGetValue(i.Name, out var range) || i.Id < range.From || i.Id > range.To).ShouldBeEmpty(
            "an alert on a number must not mean three things: each project has a range.");
        ids.GroupBy(i => i.Id).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(i => i.Path))}").ShouldBeEmpty();
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

    private static GivenTypesConjunction TypesOf(params Project[] projects) =>
        Types().That().ResideInAssemblyMatching($"^({string.Join('|', projects.Select(p => Regex.Escape(p.Assembly)))}),");

    private static void NeedsNothingButTheFramework(Project project, string because, params string[] beneath) =>
        TypesOf(project).Should()    // OnlyDependOn would not look at types that are referenced only
            .NotDependOnAny(Types(includeReferenced: true).That().DoNotResideInAssemblyMatching(
                $"^({string.Join('|', Repository.Projects.Where(p => p == project || beneath.Contains(p.Path)).Select(p => Regex.Escape(p.Assembly)))}),").And().DoNotHaveFullNameMatching(@"^System\."))
            .Because(because)
            .Check(Repository.Code);

    /// <param name="pattern">Of <c>Return.Type Namespace.Type::Method(Parameter.Type)</c>.</param>
    /// <param name="because">The reason.</param>
    private static void ServicesCallNothingLike(string pattern, string because)
    {
        var called = Repository.Code.Types.SelectMany(t => t.GetCalledMethods()).Where(m => Regex.IsMatch(m.FullName, pattern)).Distinct();
        TypesOf([.. Repository.OfServices]).Should().NotCallAny(called).Because(because).Check(Repository.Code);
    }

    [GeneratedRegex(@"^(\w+ )*(class|record|struct|interface|enum|record struct) (?<name>\w+)")]
    private static partial Regex TopLevelType();

    // "In order", "order by" and "ordered" are English; a capital Order inside a name, or the nouns below, are the business.
    [GeneratedRegex(@"\b(sku|stock|shipment|payment|invoice|basket|warehouse)s?\b|\b(Sku|Stock|Shipment|Payment|Product|Fulfil)[A-Za-z]*\b|\bOrders?(Id|Line|Status|Submitted|s)?\b(?!\s*=|\s+[a-z])|\border_?id\b", RegexOptions.None)]
    private static partial Regex BusinessWord();

    [GeneratedRegex(@"//.*\b(TODO|FIXME|HACK|XXX)\b|new NotImplementedException\(")]
    private static partial Regex Leftover();

    [GeneratedRegex(@"LoggerMessage\(\s*(\d+)")]
    private static partial Regex LogId();

    [GeneratedRegex(@"\b(Fact|Theory|InlineData)\(.*Skip\s*=|Assert\.Skip")]
    private static partial Regex SkippedTest();
}
