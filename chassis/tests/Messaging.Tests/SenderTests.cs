using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Messaging;
using Chassis.Testing;
using Contracts.Events;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Messaging.Tests;

/// <summary>A message is believed when it comes from whoever may say it, and from nobody else, on every way that it can take.</summary>
public sealed class SenderTests(SenderTests.Fixture fixture) : IClassFixture<SenderTests.Fixture>
{
    private const string Event = "shop.order.cancelled.v1";
    private const string SentBy = "x-sent-by";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_are_believed_of_their_owner_and_of_nobody_else()
    {
        using var client = fixture.Operator();
        var (owners, strangers, own, unsigned, claimed, fence) = (NewId(), NewId(), NewId(), NewId(), NewId(), NewId());
        await fixture.Stranger.PublishAsync(Event, Cancelled(strangers));
        await fixture.Itself.PublishAsync(Event, Cancelled(own));
        await fixture.Owner.PublishAsync(Event, Cancelled(unsigned), sign: false);
        var claim = Cancelled(claimed);
        claim.Properties.Headers![SentBy] = fixture.Owner.Account;
        await fixture.Stranger.PublishAsync(Event, claim);
        await fixture.Owner.PublishAsync(Event, Cancelled(owners));
        await fixture.Owner.PublishAsync(Event, Cancelled(fence));

        foreach (var forged in (Guid[])[strangers, own, unsigned, claimed])
        {
            (await LetterAsync(client, forged)).GetProperty("reason").GetString().ShouldBe("forged");
        }

        foreach (var true_ in (Guid[])[owners, fence])
        {
            await Poll.UntilAsync(() => Effects(true_), n => n == 1, "the owner's word to be believed");
        }

        foreach (var forged in (Guid[])[strangers, own, unsigned, claimed])
        {
            (await Effects(forged)).ShouldBe(0);
        }
    }

    [Fact]
    public async Task A_later_version_of_an_event_and_one_that_every_service_says_of_itself_are_their_services_word_too()
    {
        using var client = fixture.Operator();
        var (later, started, honest) = (NewId(), NewId(), NewId());
        await fixture.Stranger.PublishAsync(Event, Message("shop.order.cancelled.v9", later, source: "orders"));
        await fixture.Stranger.PublishAsync(Event, Message("shop.system.service-started.v1", started, source: "orders"));
        await fixture.Owner.PublishAsync(Event, Message("shop.order.cancelled.v9", honest, source: "orders"));
        (await LetterAsync(client, later)).GetProperty("reason").GetString().ShouldBe("forged");
        (await LetterAsync(client, started)).GetProperty("reason").GetString().ShouldBe("forged");
        (await LetterAsync(client, honest)).GetProperty("reason").GetString().ShouldBe("skipped");
    }

    [Fact]
    public async Task Commands_are_believed_of_the_services_that_the_contract_names_and_messages_to_itself_of_the_service_itself()
    {
        using var client = fixture.Operator();
        var (own, owners, both, contract) = (NewId(), NewId(), NewId(), NewId());
        await fixture.Owner.PublishAsync(WorkQueues.Commands, Command(owners, typeof(DoWork)));
        await fixture.Owner.PublishAsync(WorkQueues.Commands, Command(both, typeof(ReserveStock), typeof(DoWork)));
        await fixture.Owner.PublishAsync(WorkQueues.Commands, Command(contract, typeof(ReserveStock)));
        await fixture.Itself.PublishAsync(WorkQueues.Commands, Command(own, typeof(DoWork)));

        (await LetterAsync(client, owners)).GetProperty("reason").GetString().ShouldBe("forged");
        (await LetterAsync(client, both)).GetProperty("reason").GetString().ShouldBe("forged", "a name that somebody may use lends nothing to another");
        (await LetterAsync(client, contract)).GetProperty("reason").GetString().ShouldBe("skipped", "orders may send it, and nobody here takes it");
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{own}'"), n => n == 1, "its own message to be handled");
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject IN ('{owners}', '{both}')")).ShouldBe(0);
    }

    [Fact]
    public async Task What_was_put_back_and_retried_is_still_the_word_of_whoever_sent_it_first()
    {
        using var client = fixture.Operator();
        var (poisoned, forged) = (NewId(), NewId());
        Poison.Add(poisoned);
        await fixture.Owner.PublishAsync(Event, Cancelled(poisoned));
        await fixture.Stranger.PublishAsync(Event, Cancelled(forged));
        var (failed, refused) = (await LetterAsync(client, poisoned), await LetterAsync(client, forged));
        failed.GetProperty("reason").GetString().ShouldBe("failed", "five redeliveries have not made it a stranger's");
        Poison.Remove(poisoned);

        await RetryAsync(client, failed);
        await RetryAsync(client, refused);
        await Poll.UntilAsync(() => Effects(poisoned), n => n == 1, "the retried event to be handled");
        var again = await Poll.UntilAsync(
            () => LetterAsync(client, forged), letter => letter.GetProperty("failures").GetInt32() == 2, "the forged one to be refused again");
        again.GetProperty("reason").GetString().ShouldBe("forged");

        using var all = await client.PostAsJsonAsync(new Uri("/v1/ops/dead-letters/retry", UriKind.Relative), new { reason = "forged" }, Token);
        all.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await Poll.UntilAsync(
            () => LetterAsync(client, forged), letter => letter.GetProperty("failures").GetInt32() == 3, "the forged one to be refused once more");
        (await Effects(forged)).ShouldBe(0);
    }

    [Fact]
    public async Task Everything_that_is_sent_is_signed()
    {
        var heard = await fixture.Itself.ListenAsync("heard.commands", ShopContracts.Exchanges.AllEvents);
        var subject = NewId();
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.PublishCancelled(subject, 1);
            await scope.ServiceProvider.SendWork(subject, 1, "heard.commands");
            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        // Past the outbox, by the transport itself.
        await (await fixture.Services.GetRequiredService<IBus>().GetSendEndpoint(new Uri("exchange:heard.commands"))).Send(new DoWork(subject, 2), Token);
        await Poll.UntilAsync(() => heard.Count(m => m.Contains(subject.ToString())) == 3, "an event and two commands");
        heard.Where(m => m.Contains(subject.ToString())).ShouldAllBe(m => m.StartsWith(TestVhost.Account + " "));
    }

    [Fact]
    public async Task A_replay_is_believed_of_the_owner_alone_though_everybody_may_send_one()
    {
        using var client = fixture.Operator();
        var (owners, strangers) = (NewId(), NewId());
        await Poll.UntilAsync(
            async () => (await fixture.Vhost.GetAsync("bindings")).EnumerateArray().Any(
                b => b.GetProperty("source").GetString() == "shop.replay" && b.GetProperty("destination").GetString() == WorkQueues.Cancelled),
            "the queue to be bound to replays");
        await fixture.Stranger.PublishAsync("shop.replay", Cancelled(strangers), WorkQueues.Cancelled);
        await fixture.Owner.PublishAsync("shop.replay", Cancelled(owners), WorkQueues.Cancelled);
        (await LetterAsync(client, strangers)).GetProperty("reason").GetString().ShouldBe("forged");
        await Poll.UntilAsync(() => Effects(owners), n => n == 1, "the owner's replay");
        (await Effects(strangers)).ShouldBe(0);
    }

    [Fact]
    public void An_account_without_a_name_is_no_setting() => Should.Throw<OptionsValidationException>(() =>
    {
        using var host = WorkHost.Build(
            fixture.Database.Migrations, fixture.Vhost.Uri, settings: new Dictionary<string, string?> { ["Messaging:Accounts:orders"] = " " });
        _ = host.Services.GetRequiredService<IOptions<MessagingOptions>>().Value;
    }).Message.ShouldContain("Messaging:Accounts:orders");

    private static Guid NewId() => Guid.CreateVersion7();

    private static Player.Message Cancelled(Guid order) => new(
        Properties(Event, order, "orders"), JsonSerializer.SerializeToUtf8Bytes(Events.Cancelled(order), ContractJson.Options));

    private static Player.Message Message(string type, Guid id, string source) => new(Properties(type, id, source), "{}"u8.ToArray());

    private static BasicProperties Properties(string type, Guid id, string source) => new()
    {
        ContentType = "application/json",
        MessageId = id.ToString(),
        Persistent = true,
        Headers = new CloudEventEnvelope(id.ToString(), ShopContracts.Catalogue.SourceOf(source), type, TimeProvider.System.GetUtcNow(), id.ToString())
            .ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
    };

    private static Player.Message Command(Guid id, params Type[] types) => new(
        new BasicProperties { ContentType = "application/vnd.masstransit+json", MessageId = id.ToString(), Persistent = true },
        JsonSerializer.SerializeToUtf8Bytes(
            new { messageId = id, messageType = types.Select(MessageUrn.ForTypeString).ToArray(), message = new DoWork(id, 1) }, JsonSerializerOptions.Web));

    private static async Task RetryAsync(HttpClient client, JsonElement letter)
    {
        using var retried = await client.PostAsync(new Uri($"/v1/ops/dead-letters/{letter.GetProperty("id").GetGuid()}/retry", UriKind.Relative), null, Token);
        retried.StatusCode.ShouldBe(HttpStatusCode.Accepted);
    }

    private static Task<JsonElement> LetterAsync(HttpClient client, Guid id) => Poll.UntilAsync(
        async () => (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/ops/dead-letters?limit=200", UriKind.Relative), Token))
            .GetProperty("items").EnumerateArray().FirstOrDefault(i => i.GetProperty("messageId").GetString() == id.ToString()),
        letter => letter.ValueKind == JsonValueKind.Object,
        $"the dead letter of {id}");

    private Task<long> Effects(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'cancelled'");

    /// <summary>The small service, to which orders has an account of its own, and a stranger another.</summary>
    public sealed class Fixture : OpsFixture
    {
        private readonly string _owner = TestVhost.NewAccount();

        /// <summary>Who owns the events of orders.</summary>
        public Player Owner { get; private set; } = null!;

        public Player Stranger { get; private set; } = null!;

        /// <summary>With the account of the service itself.</summary>
        public Player Itself { get; private set; } = null!;

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            Owner = await Player.ConnectAsync(await Vhost.CreateUserAsync(".*", ".*", ".*", _owner));
            Stranger = await Player.ConnectAsync(await Vhost.CreateUserAsync(".*", ".*", ".*"));
            Itself = await Player.ConnectAsync(Vhost.Uri);
        }

        public override async ValueTask DisposeAsync()
        {
            foreach (var player in (Player?[])[Owner, Stranger, Itself])
            {
                await (player?.DisposeAsync() ?? ValueTask.CompletedTask);
            }

            await base.DisposeAsync();
        }

        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Messaging:Accounts:orders"] = _owner;
        }
    }
}
