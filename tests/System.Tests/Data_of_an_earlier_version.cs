using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>
/// Today's services on what an earlier version left in its databases (<c>Earlier/README.md</c>): orders in every kind of state, half of them not at their end,
/// messages that had not reached the broker, mails that nobody had taken. The broker is a new one, as after an upgrade.
/// </summary>
public sealed class Data_of_an_earlier_version
{
    private static readonly string Folder = Repository.PathOf("tests/System.Tests/Earlier");

    public static TheoryData<string> Versions => [.. Directory.GetDirectories(Folder).Select(f => Path.GetFileName(f))];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Is_read_as_it_was_and_goes_on_to_its_end(string version)
    {
        var story = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, version, "story.json"))).RootElement;
        var orders = story.GetProperty("orders").EnumerateArray().Select(o => (Ends: Text(o, "ends"), Was: o.GetProperty("was"))).ToList();
        await using var cluster = await ShopCluster.StartAsync(new ClusterOptions
        {
            Restore = (service, database) => RestoreAsync(version, service, database, story.GetProperty("recordedAt").GetDateTimeOffset()),
            // As docs/how-to/upgrade.md says: the version that left this signed nothing.
            Settings = new Dictionary<string, string> { ["Messaging__TrustUnsigned"] = "true" },
            SandboxJournal = Unpack(version, "payment-sandbox.jsonl"),
            SettingsOf = new Dictionary<string, IReadOnlyDictionary<string, string>>
            {
                ["users"] = new Dictionary<string, string>
                {
                    ["Users__MasterSecret"] = Text(story, "masterSecret"),
                    ["Users__Operator__Email"] = Text(story.GetProperty("operator"), "email"),
                    ["Users__Operator__Password"] = Text(story.GetProperty("operator"), "password"),
                },
            },
        });
        using var customer = await SignInAsync(cluster, story.GetProperty("customer"));
        using var @operator = await SignInAsync(cluster, story.GetProperty("operator"));

        foreach (var (ends, was) in orders)
        {
            var now = await customer.GetAsync("orders", $"/v1/orders/{Text(was, "id")}");
            // What is not at its end may have moved on already; what was ordered, by whom and for how much stays.
            Same(
                was,
                now,
                ends == Text(was, "status")
                    ? [.. was.EnumerateObject().Select(m => m.Name)]
                    : ["id", "userId", "items", "total", "paymentMethod", "shippingAddress", "createdAt", "submittedAt"]);
        }

        foreach (var parcel in (await @operator.GetAsync("inventory", "/v1/shipments?status=pending")).GetProperty("items").EnumerateArray())
        {
            await @operator.PostAsync(
                "inventory",
                $"/v1/shipments/{Text(parcel, "id")}/dispatch",
                new { carrier = "Parcel Express", trackingNumber = "PX1" },
                Guid.NewGuid().ToString());
        }

        foreach (var (ends, was) in orders)
        {
            await Poll.UntilAsync(
                async () => Text(await customer.GetAsync("orders", $"/v1/orders/{Text(was, "id")}"), "status"),
                s => s == ends,
                $"order {Text(was, "id")}, {Text(was, "status")} before, to be {ends}",
                RunningShop.Patience);
        }

        await StockAddsUpAsync(@operator, orders);
        await MoneyAddsUpAsync(@operator);
        await EverybodyIsToldAsync(@operator, orders.Where(o => o.Ends == "completed").Select(o => Text(o.Was, "id")));
        await NothingIsLeftAsync(cluster, @operator);
    }

    private static async Task StockAddsUpAsync(ShopClient @operator, IEnumerable<(string Ends, JsonElement Was)> orders)
    {
        var sold = orders.Where(o => o.Ends == "completed")
            .SelectMany(o => o.Was.GetProperty("items").EnumerateArray())
            .ToLookup(i => Text(i, "sku"), i => i.GetProperty("quantity").GetInt32());
        sold.Count.ShouldBeGreaterThan(0);
        foreach (var sku in sold)
        {
            var stock = await Poll.UntilAsync(
                () => @operator.GetAsync("inventory", $"/v1/products/{sku.Key}/stock"),
                s => s.GetProperty("reserved").GetInt32() == 0,
                $"no reservation of {sku.Key} to be left",
                RunningShop.Patience);
            stock.GetProperty("shipped").GetInt32().ShouldBe(sku.Sum(), sku.Key);
        }

        var audit = await @operator.GetAsync("inventory", "/v1/ops/stock-audit");
        audit.GetProperty("differences").ToString().ShouldBe("[]");
        audit.GetProperty("movements").GetInt64().ShouldBeGreaterThan(0);
    }

    private static async Task MoneyAddsUpAsync(ShopClient @operator)
    {
        var ledger = await Poll.UntilAsync(
            () => @operator.GetAsync("orders", "/v1/ops/payments/reconciliation"),
            l => l.GetProperty("inFlight").GetInt32() == 0,
            "no payment to be under way",
            RunningShop.Patience);
        ledger.GetProperty("differences").ToString().ShouldBe("[]");
        ledger.GetProperty("matched").GetInt32().ShouldBeGreaterThan(0);
    }

    /// <summary>Every mail about what was ordered has gone out, and none twice; and those who registered while the broker was away are welcome.</summary>
    private static async Task EverybodyIsToldAsync(ShopClient @operator, IEnumerable<string> completed)
    {
        foreach (var order in completed)
        {
            await Poll.UntilAsync(
                async () => await MailsAsync(@operator, $"orderId={order}"),
                mails => mails.Select(m => Text(m, "template")).Order(StringComparer.Ordinal).SequenceEqual(["order-confirmation", "order-shipped"])
                    && mails.All(m => Text(m, "status") == "sent"),
                $"the two mails about {order}",
                RunningShop.Patience);
        }

        await Poll.UntilAsync(
            async () => (await @operator.GetAsync("notifications", "/v1/notifications?limit=200"))
                .GetProperty("items")
                .EnumerateArray()
                .Where(m => Text(m, "template") == "welcome")
                .ToList(),
            mails => mails.Select(m => Text(m, "recipient"))
                .Order(StringComparer.Ordinal)
                .SequenceEqual(["ada.lovelace@shop.example", "grace.hopper@shop.example", "operator@shop.example"])
                && mails.All(m => Text(m, "status") == "sent"),
            "one welcome to both customers and the operator",
            RunningShop.Patience);
    }

    private static async Task NothingIsLeftAsync(ShopCluster cluster, ShopClient @operator)
    {
        foreach (var service in ShopCluster.ServiceNames)
        {
            await Poll.UntilAsync(
                () => cluster.Database(service).ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE due_at <= now()"),
                n => n == 0,
                $"the outbox of {service} to be empty",
                RunningShop.Patience);
            (await @operator.GetAsync(service, "/v1/ops/dead-letters")).GetProperty("items").GetArrayLength().ShouldBe(0, service);
        }
    }

    private static async Task<List<JsonElement>> MailsAsync(ShopClient @operator, string query) =>
        [.. (await @operator.GetAsync("notifications", $"/v1/notifications?{query}")).GetProperty("items").EnumerateArray()];

    private static Task<ShopClient> SignInAsync(ShopCluster cluster, JsonElement person) =>
        ShopClient.SignInAsync(cluster, Text(person, "email"), Text(person, "password"));

    private static void Same(JsonElement was, JsonElement now, IReadOnlyList<string> members)
    {
        foreach (var member in members.Where(m => was.TryGetProperty(m, out _)))
        {
            var (before, after) = (was.GetProperty(member), now.GetProperty(member));
            JsonElement.DeepEquals(before, after).ShouldBeTrue($"{member} of order {Text(was, "id")} was {before} and is {after}");
        }
    }

    /// <summary>As if no more time had passed since than an upgrade takes: what was due then is due, and what was to come later still is.</summary>
    private static async Task RestoreAsync(string version, string service, TestDatabase database, DateTimeOffset recordedAt)
    {
        // A service that has come since has no data of then.
        if (!File.Exists(Path.Combine(Folder, version, $"{service}.sql.gz")))
        {
            return;
        }

        using var reader = new StreamReader(new MemoryStream(Unpack(version, $"{service}.sql")));
        await database.ExecuteAsOwnerAsync(await reader.ReadToEndAsync());
        var at = recordedAt.ToString("O", CultureInfo.InvariantCulture);
        await database.ExecuteAsync($"UPDATE messaging.outbox SET due_at = due_at + (now() - '{at}') WHERE due_at > '{at}'");
        if (service == "inventory")
        {
            await database.ExecuteAsync($"UPDATE reservations SET expires_at = expires_at + (now() - '{at}')");
        }
    }

    private static byte[] Unpack(string version, string file)
    {
        using var packed = new GZipStream(File.OpenRead(Path.Combine(Folder, version, file + ".gz")), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        packed.CopyTo(unpacked);
        return unpacked.ToArray();
    }

    private static string Text(JsonElement element, string member) => element.GetProperty(member).GetString()!;
}
