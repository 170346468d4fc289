using System.Text;
using System.Text.Json;
using Contracts.Events;
using Shop.Contracts;

namespace Contracts.Tests;

public sealed class The_envelope
{
    private static readonly CloudEventEnvelope Full = new(
        "e1", ShopContracts.Catalogue.SourceOf("orders"), "shop.order.shipped.v1", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), "o1",
        "urn:shop:schema:shop.order.shipped.v1", "c1", "m1", 7, "t1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Replay: true);

    [Fact]
    public void Comes_back_from_its_headers_as_it_was()
    {
        var headers = Full.ToHeaders().ToDictionary();
        CloudEventEnvelope.TryRead(headers.GetValueOrDefault, out var read).ShouldBeNull();
        read.ShouldBe(Full);
    }

    [Fact]
    public void Leaves_out_what_has_no_value()
    {
        var bare = new CloudEventEnvelope("e1", "urn:shop:service:orders", "shop.order.shipped.v1", Full.Time, "o1");
        bare.ToHeaders().Select(h => h.Key).ShouldBe(
            ["cloudEvents_specversion", "cloudEvents_id", "cloudEvents_source", "cloudEvents_type", "cloudEvents_time", "cloudEvents_subject"]);
        CloudEventEnvelope.TryRead(bare.ToHeaders().ToDictionary().GetValueOrDefault, out var read).ShouldBeNull();
        read.ShouldBe(bare);
    }

    [Theory]
    [InlineData(CloudEventHeaders.SpecVersion, null, "header cloudEvents_specversion must be 1.0")]
    [InlineData(CloudEventHeaders.SpecVersion, "0.3", "header cloudEvents_specversion must be 1.0")]
    [InlineData(CloudEventHeaders.Id, "", "header cloudEvents_id is required")]
    [InlineData(CloudEventHeaders.Type, null, "header cloudEvents_type is required")]
    [InlineData(CloudEventHeaders.Time, "yesterday", "header cloudEvents_time must be an RFC 3339 time")]
    [InlineData(CloudEventHeaders.Sequence, "7th", "header cloudEvents_sequence must be a whole number of at most 1000000000")]
    [InlineData(CloudEventHeaders.Sequence, "9000000000000000000", "header cloudEvents_sequence must be a whole number of at most 1000000000")]
    [InlineData(CloudEventHeaders.Sequence, "-1", "header cloudEvents_sequence must be a whole number of at most 1000000000")]
    public void Is_refused_with_the_reason(string header, string? value, string reason)
    {
        var headers = Full.ToHeaders().ToDictionary(h => h.Key, h => (string?)h.Value);
        headers[header] = value;
        CloudEventEnvelope.TryRead(headers.GetValueOrDefault, out var read).ShouldBe(reason);
        read.ShouldBeNull();
    }

    [Fact]
    public void Has_attribute_names_that_the_specification_allows() =>
        Full.Attributes().ShouldAllBe(a => a.Key.Length <= 20 && a.Key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)));

    [Fact]
    public void Wraps_the_data_as_one_document_the_same_every_time()
    {
        var data = Encoding.UTF8.GetBytes("""{"orderId":"o1","note":"naïve <b>"}""");
        var document = Full.ToStructured(data);
        Full.ToStructured(data).ShouldBe(document);
        var json = JsonElement.Parse(Encoding.UTF8.GetString(document));
        json.GetProperty("specversion").GetString().ShouldBe("1.0");
        json.GetProperty("id").GetString().ShouldBe("e1");
        json.GetProperty("datacontenttype").GetString().ShouldBe("application/json");
        json.GetProperty("data").GetRawText().ShouldBe(Encoding.UTF8.GetString(data));
    }
}
