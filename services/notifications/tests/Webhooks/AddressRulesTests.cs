using System.Net;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

public class AddressRulesTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("0.0.0.0")]
    [InlineData("10.1.2.3")]
    [InlineData("100.64.0.1")]
    [InlineData("100.127.255.255")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.8")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.1")]
    [InlineData("203.0.113.1")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("::ffff:0:127.0.0.1")]
    [InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b:1::7f00:1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:0:7f00:1::")]
    [InlineData("2001:10::1")]
    [InlineData("2001:20::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]
    [InlineData("3fff::1")]
    [InlineData("5f00::1")]
    [InlineData("fc00::1")]
    [InlineData("fd12:3456:789a::1")]
    [InlineData("fe80::1")]
    [InlineData("fe80::1%1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void Whatever_is_not_global_unicast_is_refused(string address) => new AddressRules().Allows(IPAddress.Parse(address)).ShouldBeFalse();

    [Theory]
    [InlineData("8.8.8.8")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("192.169.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2600::1")]
    [InlineData("2001:4860:4860::8888")]
    [InlineData("2a00:1450:4001:80b::200e")]
    public void What_the_whole_internet_reaches_is_allowed(string address) => new AddressRules().Allows(IPAddress.Parse(address)).ShouldBeTrue();

    [Fact]
    public void Development_may_reach_loopback_and_private_networks_but_no_link_local_service()
    {
        var rules = new AddressRules(allowPrivateNetworks: true);
        rules.Allows(IPAddress.Loopback).ShouldBeTrue();
        rules.Allows(IPAddress.IPv6Loopback).ShouldBeTrue();
        rules.Allows(IPAddress.Parse("172.18.0.5")).ShouldBeTrue();
        rules.Allows(IPAddress.Parse("169.254.169.254")).ShouldBeFalse();
        rules.Allows(IPAddress.Any).ShouldBeFalse();
    }

    [Fact]
    public void A_named_network_is_allowed_and_its_neighbours_are_not()
    {
        var rules = new AddressRules(allowedNetworks: ["10.20.0.0/16"]);
        rules.Allows(IPAddress.Parse("10.20.1.1")).ShouldBeTrue();
        rules.Allows(IPAddress.Parse("10.21.1.1")).ShouldBeFalse();
    }
}
