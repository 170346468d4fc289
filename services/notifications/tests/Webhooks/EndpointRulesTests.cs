using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

public class EndpointRulesTests
{
    private static string? Refuse(string url, WebhookOptions? options = null)
    {
        options ??= new WebhookOptions();
        return new EndpointRules(options, new AddressRules(options.AllowPrivateNetworks, options.AllowedNetworks)).Refuse(url, out _);
    }

    [Theory]
    [InlineData("https://partner.com")]
    [InlineData("https://hooks.partner.co.uk/shop?key=a%20b&x=1")]
    [InlineData("https://partner.com:443/hooks/")]
    [InlineData("https://93.184.215.14/hooks")]
    [InlineData("https://[2600::1]/hooks")]
    [InlineData("HTTPS://Partner.com/Hooks")]
    public void A_public_https_url_is_accepted(string url) => Refuse(url).ShouldBeNull();

    [Fact]
    public void Ports_are_a_matter_of_configuration()
    {
        Refuse("https://partner.com:8443/").ShouldBe("must use one of the ports 443.");
        Refuse("https://partner.com:8443/", new WebhookOptions { Ports = [443, 8443] }).ShouldBeNull();
    }

    [Theory]
    [InlineData("http://127.0.0.1:5005/hook")]
    [InlineData("http://localhost:5005/hook")]
    [InlineData("http://host.docker.internal:5005/hook")]
    [InlineData("http://receiver:8080/")]
    public void The_development_switch_lets_local_receivers_in(string url)
    {
        Refuse(url).ShouldNotBeNull();
        Refuse(url, new WebhookOptions { AllowPrivateNetworks = true }).ShouldBeNull();
    }

    [Theory]
    [InlineData("http://169.254.169.254/")]
    [InlineData("http://user@127.0.0.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("ftp://127.0.0.1/")]
    public void Even_in_development_some_urls_make_no_sense(string url) => Refuse(url, new WebhookOptions { AllowPrivateNetworks = true }).ShouldNotBeNull();

    [Fact]
    public void A_network_of_a_partner_can_be_allowed_and_still_wants_https()
    {
        var options = new WebhookOptions { AllowedNetworks = ["10.20.0.0/16"] };
        Refuse("https://10.20.0.7/", options).ShouldBeNull();
        Refuse("http://10.20.0.7/", options).ShouldBe("must use https.");
        Refuse("https://10.21.0.7/", options).ShouldNotBeNull();
    }
}
