using System.Diagnostics;
using System.Text.Json;
using Chassis.Testing;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>What generators make of <c>/openapi/v1.json</c>, without a line of ours between: <c>tests/clients</c>.</summary>
public sealed class Generated_clients(RunningShop shop)
{
    private static readonly string Folder = Repository.PathOf("tests/clients");

    [Fact]
    public async Task In_CSharp_place_orders_understand_a_conflict_and_page_through_the_list()
    {
        var folder = Path.Combine(Folder, "csharp");
        await RunAsync(folder, "dotnet", "tool", "restore");
        await DescribeAsync(folder);
        await RunAsync(folder, "dotnet", "build", "--verbosity", "quiet", "--nologo", "--output", "bin");

        await BuyAsync(folder, "dotnet", Path.Combine("bin", "Buyer.dll"));
    }

    [Fact]
    public async Task In_TypeScript_place_orders_understand_a_conflict_and_page_through_the_list()
    {
        var folder = Path.Combine(Folder, "typescript");
        await Outsiders.InstallNodePackagesAsync(folder);
        await DescribeAsync(folder);
        await RunAsync(folder, "npm", "run", "generate");
        await RunAsync(folder, "npm", "run", "build");

        await BuyAsync(folder, "node", Path.Combine("obj", "buyer.js"));
    }

    private async Task BuyAsync(string folder, string program, string script)
    {
        var sku = await shop.ProductAsync(stock: 3);
        var output = await RunAsync(folder, program, script, Address("users"), Address("orders"), sku);
        var seen = JsonElement.Parse(output.Trim().Split('\n')[^1]);

        var placed = seen.GetProperty("placed").EnumerateArray().Select(id => id.GetGuid()).ToList();
        placed.Count.ShouldBe(3);
        seen.GetProperty("statuses").EnumerateArray().Select(s => s.GetString()).ShouldBe(["submitted"]);
        seen.GetProperty("conflict").GetString().ShouldBe("urn:problem:order_not_draft", "however far the order is by now");
        seen.GetProperty("listed").EnumerateArray().Select(id => id.GetGuid()).ShouldBe(Enumerable.Reverse(placed));
        foreach (var order in placed)
        {
            var theirs = await Poll.UntilAsync(
                () => shop.Operator.GetAsync("orders", $"/v1/orders/{order}"),
                o => o.GetProperty("status").GetString() == "completed",
                $"order {order} to be completed",
                RunningShop.Patience);
            seen.GetProperty("total").GetString().ShouldBe(theirs.GetProperty("total").GetProperty("amount").GetString());
            seen.GetProperty("name").GetString().ShouldBe(theirs.GetProperty("shippingAddress").GetProperty("name").GetString());
        }

        seen.GetProperty("submittedAt").GetDateTimeOffset().ShouldBeGreaterThan(TimeProvider.System.GetUtcNow().AddHours(-1));
        seen.GetProperty("etag").GetString()!.ShouldMatch("^\"[0-9]+\"$");
    }

    private string Address(string service) => shop.Cluster.Of(service)[0].Address.GetLeftPart(UriPartial.Authority);

    /// <summary>Puts there what the services say of themselves.</summary>
    private async Task DescribeAsync(string client)
    {
        var folder = Directory.CreateDirectory(Path.Combine(client, "descriptions")).FullName;
        foreach (var service in (string[])["users", "orders"])
        {
            await File.WriteAllTextAsync(Path.Combine(folder, $"{service}.json"), (await shop.Operator.GetAsync(service, "/openapi/v1.json")).GetRawText());
        }
    }

    private static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder };
        if (TestServers.Certificates is { } certificates)
        {
            start.Environment["NODE_EXTRA_CA_CERTS"] = $"{certificates}/clients/trusted/ca.crt";
        }

        var (exitCode, output) = await Outsiders.RunAsync(start);
        exitCode.ShouldBe(0, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }
}
