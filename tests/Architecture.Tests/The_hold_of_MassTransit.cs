namespace Architecture.Tests;

/// <summary>
/// How much of MassTransit, and of the broker's client beneath it, the product holds on to, as its compiled assemblies say. Every further type is a decision,
/// because it is one more that the way out has to replace. ADR: docs/adr/0036-masstransit-after-2026.md.
/// </summary>
public sealed class The_hold_of_MassTransit
{
    private const string Update = "UPDATE_MASSTRANSIT";
    private const string Saga = "MassTransit.MassTransitStateMachine`1";
    private const string OfSagas = "# sagas";

    /// <summary>What stands on the transport. The other parts of the chassis, the contracts and the domains know nothing of messages.</summary>
    private static readonly string[] Messaging = ["Messaging.Outbox", "Messaging", "Messaging.Operations"];

    [Fact]
    public void Services_name_a_closed_list_of_its_types() => ShouldBeListed(
        "MassTransit.services.txt",
        Repository.OfServices.SelectMany(Repository.MentionsOf).Where(m => IsMassTransit(m.Assembly)),
        "a service knows what consumers, senders and sagas need. What else it wants is registered, or offered, by the chassis.");

    [Fact]
    public void A_service_without_a_saga_names_nothing_of_sagas()
    {
        var saga = Read("MassTransit.services.txt").SkipWhile(line => line != OfSagas).ToHashSet();
        saga.ShouldContain(Saga);
        Repository.OfServices.Select(p => (Project: p, Types: Repository.MentionsOf(p).Select(m => m.Type).ToList())).Where(p => !p.Types.Contains(Saga))
            .SelectMany(p => p.Types.Where(saga.Contains), (p, type) => $"{p.Project} → {type}")
            .ShouldBeEmpty($"what every service needs stands above '{OfSagas}'.");
    }

    [Fact]
    public void The_chassis_touches_a_closed_list_of_its_plumbing() => ShouldBeListed(
        "MassTransit.plumbing.txt",
        Repository.Product.Where(p => p.IsChassis).SelectMany(Repository.MentionsOf)
            .Where(m => IsMassTransit(m.Assembly) && m.Type.LastIndexOf('.') > "MassTransit".Length),
        "what lies outside of MassTransit's root namespace is public, but plumbing, which any release may change.");

    [Fact]
    public void Only_messaging_refers_to_it_and_to_the_client_of_the_broker()
    {
        const string because = "one project chooses the transport, and three know it.";
        Repository.Product.Where(p => p.Packages.Any(x => IsMassTransit(x) || IsBroker(x))).Select(p => p.Name).ShouldBe(["Messaging.Outbox"], because);
        var mentions = Repository.Product.ToDictionary(p => p, p => Repository.MentionsOf(p).Select(m => m.Assembly).Distinct().ToList());
        mentions.Where(p => p.Value.Any(IsBroker)).Select(p => p.Key.Name).ShouldBe(Messaging, ignoreOrder: true, because);
        mentions.Where(p => p.Value.Any(IsMassTransit)).Select(p => p.Key).Where(p => p.Service is null).Select(p => p.Name)
            .ShouldBe(Messaging, ignoreOrder: true, because);
    }

    private static void ShouldBeListed(string name, IEnumerable<(string Assembly, string Type)> mentions, string because)
    {
        var named = mentions.Select(m => m.Type).ToHashSet();
        named.ShouldNotBeEmpty();
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            // It takes out what is no more, and adds nothing.
            File.WriteAllLines(PathOf(name), [.. Read(name).Where(line => line.StartsWith('#') || named.Contains(line))]);
        }

        var listed = Read(name).Where(line => !line.StartsWith('#')).ToList();
        named.Except(listed).Order(StringComparer.Ordinal).ShouldBeEmpty($"{name} does not have it: {because}");
        listed.Except(named).ShouldBeEmpty($"Nobody names it any more, and the list shrinks: {Update}=1 make test TESTS=Architecture, and commit {name}.");
    }

    private static string[] Read(string name) => File.ReadAllLines(PathOf(name));

    private static string PathOf(string name) => Path.Combine(Repository.Root, "tests/Architecture.Tests", name);

    private static bool IsMassTransit(string name) => name.StartsWith("MassTransit", StringComparison.Ordinal);

    // MassTransit.RabbitMQ, whose assembly is MassTransit.RabbitMqTransport, is the transport.
    private static bool IsBroker(string name) => name.Contains("RabbitM", StringComparison.OrdinalIgnoreCase);
}
