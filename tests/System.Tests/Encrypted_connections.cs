using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Chassis.Testing;
using Npgsql;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>All tests of this project run over TLS where the test servers speak it; these look whether that is so.</summary>
public sealed class Encrypted_connections(RunningShop shop)
{
    public static TheoryData<string> Services => [.. ShopCluster.ServiceNames];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Are_all_that_a_service_has_to_its_database(string service)
    {
        TestServers.NeedTls();
        var database = shop.Cluster.Database(service);
        var account = new NpgsqlConnectionStringBuilder(database.Runtime).Username;
        var connections = $"FROM pg_stat_activity JOIN pg_stat_ssl AS tls USING (pid) WHERE usename = '{account}'";
        (await database.ScalarAsync<long>($"SELECT count(*) {connections} AND tls.ssl AND tls.version IN ('TLSv1.2', 'TLSv1.3')")).ShouldBePositive();
        (await database.ScalarAsync<long>($"SELECT count(*) {connections} AND NOT tls.ssl")).ShouldBe(0);
    }

    [Fact]
    public async Task Are_all_that_the_services_have_to_the_broker()
    {
        TestServers.NeedTls();
        var lines = (await TestServers.RabbitMqCtlAsync("-q", "list_connections", "vhost", "user", "ssl", "--no-table-headers")).Split(
            '\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t')).Where(line => line[0] == shop.Cluster.Vhost.Name).ToList();
        foreach (var (service, account) in Services.Select(s => (s.Data, shop.Cluster.AccountOf(s.Data))))
        {
            var own = lines.Where(line => line[1] == account).ToList();
            own.Count.ShouldBeGreaterThan(1, $"{service} has the transport's connection and the relay's");
            own.ShouldAllBe(line => line[2] == "true");
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    [InlineData("payment-sandbox")]
    public async Task Are_the_only_ones_that_a_service_answers(string service)
    {
        TestServers.NeedTls();
        var address = shop.Cluster.Of(service)[0].Address;
        using var client = new HttpClient();
        (await client.GetAsync(new Uri(address, "/health/ready"), Token)).EnsureSuccessStatusCode();
        await Should.ThrowAsync<HttpRequestException>(() => client.GetAsync(new UriBuilder(address) { Scheme = "http", Path = "/health/ready" }.Uri, Token));
    }

    [Fact]
    public async Task Are_none_to_whoever_does_not_know_the_authority()
    {
        TestServers.NeedTls();
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust } },
        };
        using var stranger = new HttpClient(handler);
        var refusal = await Should.ThrowAsync<HttpRequestException>(
            () => stranger.GetAsync(new Uri(shop.Cluster.Of("users")[0].Address, "/health/ready"), Token));
        refusal.InnerException.ShouldBeOfType<AuthenticationException>();
    }
}
