using System.Text;
using Chassis.Messaging.Erasure;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>Whatever lies among the dead letters, an erasure gets by it: one that does not would be undone for everybody, and again at every start.</summary>
public sealed class RedactionTests
{
    [Theory]
    [InlineData("""{"fullName": "\udc00"}""")]
    [InlineData("""{"\ud800": "x", "fullName": "Ada"}""")]
    [InlineData("""{"fullName": "Ada", "fullName": "Grace"}""")]
    [InlineData("""{"userId": "x", "address": {"name": "A", "name": "B"}}""")]
    [InlineData("""{"messageType": ["urn:message:\udc00"], "message": {"address": {"name": "\udc00"}}}""")]
    [InlineData("""{"messageType": [1], "message": {"a": "b"}}""")]
    [InlineData("not JSON")]
    [InlineData("")]
    public void A_body_that_nobody_can_read_says_so(string body)
    {
        var readable = new Redaction(ShopContracts.Catalogue).TryMessage("shop.user.registered.v1", Encoding.UTF8.GetBytes(body), out var redacted);

        (readable ? Encoding.UTF8.GetString(redacted ?? Encoding.UTF8.GetBytes(body)) : "").ShouldNotContain("Ada");
    }

    [Fact]
    public void One_that_can_be_read_is_redacted()
    {
        new Redaction(ShopContracts.Catalogue).TryMessage(
            "shop.user.registered.v1", """{"fullName": "Ada", "amount": 1e400}"""u8.ToArray(), out var redacted).ShouldBeTrue();
        Encoding.UTF8.GetString(redacted!).ShouldContain("\"fullName\":\"erased\"");
    }
}
