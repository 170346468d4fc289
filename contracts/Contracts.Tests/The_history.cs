using System.Text;
using System.Text.Json;
using Contracts.Events;
using Contracts.Generator;
using Shop.Contracts;

namespace Contracts.Tests;

/// <summary>Whatever was published once can be read by whoever has the records of today, and the other way round.</summary>
public sealed class The_history
{
    private static readonly Output Contracts = Output.Locate();

    public static TheoryData<string> Samples => [.. Contracts.Samples().Select(s => s.File)];

    public static TheoryData<string> Published => [.. Contracts.PublishedTypes()];

    [Theory]
    [MemberData(nameof(Published))]
    public void Is_compatible_with_the_record(string type)
    {
        if (Contracts.Retired().ContainsKey(type))
        {
            return;
        }

        var descriptor = ShopContracts.Catalogue.Find(type).ShouldNotBeNull(
            $"{type} was published and has no record any longer. Consumers may still wait for it: retire it as docs/how-to/retire-an-event.md says.");
        var current = Contracts.Schema(descriptor);
        Contracts.Published(type).SelectMany(p => Compatibility.Compare(type, p.Schema, current)).Distinct()
            .ShouldBeEmpty(string.Join('\n', Contracts.Published(type).SelectMany(p => Compatibility.Compare(type, p.Schema, current)).Distinct()));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Can_still_be_read(string file)
    {
        var (type, _, body) = Contracts.Samples().Single(s => s.File == file);
        if (Contracts.Retired().ContainsKey(type))
        {
            return;
        }

        var descriptor = ShopContracts.Catalogue.Find(type).ShouldNotBeNull();
        ContractValidator.Validate(descriptor, Encoding.UTF8.GetBytes(body)).ShouldBeNull();
        JsonSerializer.Deserialize(body, descriptor.ClrType, ContractJson.Options).ShouldNotBeNull();
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Survives_a_round_trip_without_losing_a_member(string file)
    {
        var (type, _, body) = Contracts.Samples().Single(s => s.File == file);
        if (ShopContracts.Catalogue.Find(type) is not { } descriptor)
        {
            return;
        }

        var read = JsonSerializer.Deserialize(body, descriptor.ClrType, ContractJson.Options);
        var written = JsonSerializer.SerializeToElement(read, descriptor.ClrType, ContractJson.Options);
        JsonElement.DeepEquals(written, JsonElement.Parse(body)).ShouldBeTrue($"{file} was read and written again as {written}");
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Can_be_read_from_a_later_minor_version(string file)
    {
        var (type, _, body) = Contracts.Samples().Single(s => s.File == file);
        if (ShopContracts.Catalogue.Find(type) is not { } descriptor)
        {
            return;
        }

        var later = "{\"addedLater\":{\"deep\":[1,{\"x\":null}]},"
            + body.TrimStart()[1..].Replace("\"sku\":", "\"addedInside\":true,\"sku\":", StringComparison.Ordinal);
        ContractValidator.Validate(descriptor, Encoding.UTF8.GetBytes(later)).ShouldBeNull();
        JsonSerializer.Deserialize(later, descriptor.ClrType, ContractJson.Options)
            .ShouldBeEquivalentTo(JsonSerializer.Deserialize(body, descriptor.ClrType, ContractJson.Options));
    }

    [Fact]
    public void Of_a_retired_event_gives_its_reason() =>
        Contracts.Retired().ShouldAllBe(r => r.Value.Length > 0 && ShopContracts.Catalogue.Find(r.Key) == null);
}
