using System.Net;
using System.Net.Http.Json;

namespace Gateway.Tests;

public sealed class What_a_replica_hears
{
    private static readonly string[] Told =
        ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded"];

    [Fact]
    public async Task Nobody_is_believed_who_says_where_he_comes_from()
    {
        var heard = await HeardAsync(settings: null);
        heard["X-Forwarded-For"].ShouldBe("127.0.0.1");
        heard["X-Forwarded-Proto"].ShouldBe("http");
        heard["X-Forwarded-Host"].ShouldStartWith("127.0.0.1:");
        heard.ShouldNotContainKey("X-Forwarded-Prefix");
        heard.ShouldNotContainKey("Forwarded");
    }

    [Fact]
    public async Task A_proxy_in_front_of_the_gateway_is_believed_where_the_settings_name_it()
    {
        var heard = await HeardAsync(new Dictionary<string, string> { ["Gateway:Trusted"] = "10.0.0.0/8, 127.0.0.1" });
        heard["X-Forwarded-For"].ShouldBe("203.0.113.7");
        heard["X-Forwarded-Proto"].ShouldBe("https");
    }

    [Fact]
    public async Task The_host_is_the_one_that_the_caller_knows()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/heard") { Headers = { Host = "shop.example" } };
        using var answer = await gateway.Client.SendAsync(request);
        (await answer.Content.ReadFromJsonAsync<Dictionary<string, string>>())!["Host"].ShouldBe("shop.example");
    }

    private static async Task<IReadOnlyDictionary<string, string>> HeardAsync(IReadOnlyDictionary<string, string>? settings)
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1, settings);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/heard");
        foreach (var name in Told)
        {
            request.Headers.Add(name, name switch { "X-Forwarded-For" => "203.0.113.7", "X-Forwarded-Proto" => "https", _ => "evil.example" });
        }

        using var answer = await gateway.Client.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return (await answer.Content.ReadFromJsonAsync<Dictionary<string, string>>())!;
    }
}
