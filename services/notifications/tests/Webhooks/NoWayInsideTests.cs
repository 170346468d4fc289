using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Notifications.Features;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

/// <summary>A listener on this machine that nothing may reach; every hostile URL is tried at registration and, past it, by a real delivery.</summary>
public sealed class NoWayInsideTests : IDisposable
{
    private readonly TcpListener _canary = new(IPAddress.IPv6Any, 0) { Server = { DualMode = true } };
    private readonly WebhookOptions _options;
    private readonly int _port;
    private int _visits;

    public NoWayInsideTests()
    {
        _canary.Start();
        _port = ((IPEndPoint)_canary.LocalEndpoint).Port;

        // The canary's port is allowed, so that the port does not do the addresses' work.
        _options = new WebhookOptions { Ports = [443, _port], Timeout = TimeSpan.FromMinutes(1) };
        _ = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await _canary.AcceptTcpClientAsync();
                Interlocked.Increment(ref _visits);
            }
        });
    }

    public static TheoryData<string> HostileUrls() =>
    [
        "https://127.0.0.1:PORT/",
        "https://127.1:PORT/",
        "https://127.0.1:PORT/",
        "https://2130706433:PORT/",
        "https://0x7f000001:PORT/",
        "https://0x7f.0.0.1:PORT/",
        "https://0177.0.0.1:PORT/",
        "https://017700000001:PORT/",
        "https://127.0.0.1.:PORT/",
        "https://0.0.0.0:PORT/",
        "https://0:PORT/",
        "https://10.0.0.1:PORT/",
        "https://100.64.0.1:PORT/",
        "https://169.254.169.254/latest/meta-data/",
        "https://172.16.0.1:PORT/",
        "https://192.168.0.1:PORT/",
        "https://224.0.0.1:PORT/",
        "https://255.255.255.255:PORT/",
        "https://[::1]:PORT/",
        "https://[::]:PORT/",
        "https://[::ffff:127.0.0.1]:PORT/",
        "https://[::ffff:7f00:1]:PORT/",
        "https://[::127.0.0.1]:PORT/",
        "https://[64:ff9b::127.0.0.1]:PORT/",
        "https://[2002:7f00:1::]:PORT/",
        "https://[2001:0:7f00:1::]:PORT/",
        "https://[fe80::1]:PORT/",
        "https://[fe80::1%25lo]:PORT/",
        "https://[fc00::1]:PORT/",
        "https://[ff02::1]:PORT/",
        "https://localhost:PORT/",
        "https://localhost.:PORT/",
        "https://LOCALHOST:PORT/",
        "https://sub.localhost:PORT/",
        "https://postgres:PORT/",
        "https://orders.internal:PORT/",
        "https://printer.local:PORT/",
        "https://partner.example.com@127.0.0.1:PORT/",
        "https://user:password@localhost:PORT/",
        "https://127.0.0.1:PORT\\@partner.com/",
        "https://partner.com\\@127.0.0.1:PORT/",
        "https://partner.com#@127.0.0.1:PORT/",
        "https://①②⑦.⓪.⓪.①:PORT/",
        "https://127。0。0。1:PORT/",
        "https://%31%32%37.0.0.1:PORT/",
        "https://127.0.0.1%00.partner.com:PORT/",
        "https://partner.com:22/",
        "http://partner.com/",
        "ftp://127.0.0.1:PORT/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:PORT/_GET",
        "//127.0.0.1:PORT/",
        "https:127.0.0.1:PORT",
        "https:///127.0.0.1:PORT/",
        " https://127.0.0.1:PORT/",
        "https://127.0.0.1:PORT/\r\nHost: partner.com",
        "https://[::1",
        "https://",
        "",
    ];

    [Theory]
    [MemberData(nameof(HostileUrls))]
    public async Task A_hostile_url_is_refused_at_registration_and_reaches_nobody_past_it(string template)
    {
        var url = template.Replace("PORT", _port.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
        (await Check(new SystemHostResolver()).RefuseAsync(url, TestContext.Current.CancellationToken)).ShouldNotBeNull();

        var result = await Deliver(url, new SystemHostResolver());
        result.Delivered.ShouldBeFalse();
        result.StatusCode.ShouldBeNull();
        _visits.ShouldBe(0);
    }

    [Fact]
    public async Task A_name_that_points_inside_is_refused_at_registration()
    {
        var resolver = new Resolver([IPAddress.Loopback]);
        (await Check(resolver).RefuseAsync($"https://partner.com:{_port}/", TestContext.Current.CancellationToken)).ShouldBe("must have a public host name.");
    }

    [Fact]
    public async Task A_name_that_points_outside_at_registration_and_inside_later_reaches_nobody()
    {
        var resolver = new Resolver([IPAddress.Parse("93.184.215.14")], [IPAddress.Loopback], [IPAddress.Parse("169.254.169.254"), IPAddress.IPv6Loopback]);
        var url = $"https://partner.com:{_port}/";
        (await Check(resolver).RefuseAsync(url, TestContext.Current.CancellationToken)).ShouldBeNull();
        for (var i = 0; i < 2; i++)
        {
            (await Deliver(url, resolver)).Error.ShouldBe("The host has no address that may be dialled.");
        }

        _visits.ShouldBe(0);
    }

    [Fact]
    public async Task The_canary_is_alive_and_would_have_been_reached()
    {
        var result = await Deliver($"http://localhost:{_port}/", new SystemHostResolver(), allowPrivate: true);
        result.Delivered.ShouldBeFalse();
        _visits.ShouldBeGreaterThan(0);
    }

    public void Dispose() => _canary.Dispose();

    private EndpointCheck Check(IHostResolver resolver) => new(new EndpointRules(_options, new AddressRules()), new AddressRules(), resolver);

    private async Task<AttemptResult> Deliver(string url, IHostResolver resolver, bool allowPrivate = false)
    {
        using var http = new HttpMessageInvoker(new GuardedConnect(resolver, new AddressRules(allowPrivate)).CreateHandler(_options));
        var client = new DeliveryClient(http, SecretsTests.Vault(), Options.Create(_options), TimeProvider.System);
        var delivery = new ClaimedDelivery(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), "1", url, 1, 1, "{}"u8.ToArray(), [StandardWebhooks.NewSecret()], TimeSpan.Zero);
        return (await client.AttemptAsync(delivery, TestContext.Current.CancellationToken))!;
    }

    private sealed class Resolver(params IPAddress[][] answers) : IHostResolver
    {
        private int _asked;

        public Task<IPAddress[]> ResolveAsync(string host, CancellationToken ct) => Task.FromResult(answers[Math.Min(_asked++, answers.Length - 1)]);
    }
}
