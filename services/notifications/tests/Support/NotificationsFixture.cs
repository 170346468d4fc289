using Chassis.Testing;
using Notifications.Tests.Support;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

[assembly: AssemblyFixture(typeof(NotificationsFixture))]

namespace Notifications.Tests.Support;

/// <summary>The service with a database, a broker and a mail catcher of the real kind, and short waits.</summary>
public class NotificationsFixture : ServiceFixture<Program>
{
    public const string MasterSecret = "the-master-secret-of-these-tests-alone";

    private Broker? _broker;

    public Broker Broker => _broker ?? throw new InvalidOperationException("Not initialised.");

    public MailCatcher Mails { get; } = new();

    /// <summary>Sender of this service's mails, by which the catcher tells them from those of others.</summary>
    public string Sender { get; } = $"shop-{Guid.NewGuid():n}@shop.example";

    public string OperatorsAddress { get; } = $"operators-{Guid.NewGuid():n}@shop.example";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _broker = await Broker.Connect(Vhost.Uri);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        Mails.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A new user whose registration was published.</summary>
    public async Task<UserRegistered> Register(string? locale = null, string name = "Ada Lovelace")
    {
        var user = Someone(locale, name);
        await Broker.Publish(user, sequence: 1);
        return user;
    }

    public static UserRegistered Someone(string? locale = null, string name = "Ada Lovelace")
    {
        var id = Guid.CreateVersion7();
        return new UserRegistered(id, $"user-{id:n}@example.org", name, "web", DateTimeOffset.UtcNow, locale);
    }

    public static OrderConfirmed Confirmation(Guid userId) => new(
        Guid.CreateVersion7(), userId,
        [
            new OrderLine("NB-14", "Notebook 14", 1, new Money(1199m, "EUR")), new OrderLine("CABLE", "Cable", 2, new Money(9.5m, "EUR")),
        ],
        new Money(1218m, "EUR"), DateTimeOffset.UtcNow);

    /// <summary>The mails of this service to one address, once there are as many as expected.</summary>
    public async Task<IReadOnlyList<CaughtMail>> MailsTo(string address, int count = 1) =>
        await Poll.UntilAsync(
            async () => (await Mails.From(Sender)).Where(m => m.To == address).ToList(), m => m.Count >= count, $"{count} mails to {address}");

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Sealing:MasterSecret"] = MasterSecret;
        settings["Messaging:Accounts:tests"] = TestVhost.Account;   // whose events of later versions are
        settings["Smtp:Host"] = MailCatcher.Host;
        settings["Smtp:Port"] = MailCatcher.Port;
        settings["Mail:From"] = Sender;
        settings["Mail:Operators"] = OperatorsAddress;
        settings["Mail:Retries:0"] = "00:00:00.200";
        settings["Mail:Retries:1"] = "00:00:00.200";
        settings["Webhooks:AllowPrivateNetworks"] = "true";
        settings["Webhooks:Timeout"] = "00:01:00";
        settings["Webhooks:CircuitBreak"] = "00:00:01";
        for (var i = 0; i < 4; i++)
        {
            settings[$"Webhooks:Schedule:{i}"] = i == 0 ? "00:00:00" : "00:00:00.300";
        }
    }
}
