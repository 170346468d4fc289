using System.Reflection;
using System.Text.Json;
using Contracts.Events;
using Contracts.Generator;
using Shop.Contracts;

namespace Contracts.Tests;

public sealed class The_records
{
    private static readonly DocComments Docs = DocComments.Of(ShopContracts.Catalogue);

    public static TheoryData<string> Every => [.. ShopContracts.Catalogue.All.Select(e => e.Type)];

    [Theory]
    [MemberData(nameof(Every))]
    public void Cannot_be_changed_after_they_were_made(string type) =>
        ShopContracts.Catalogue.Find(type)!.ClrType.GetProperties().Where(
            p => p.SetMethod is { } set && !set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(System.Runtime.CompilerServices.IsExternalInit)))
            .ShouldBeEmpty("an event is a fact.");

    [Theory]
    [MemberData(nameof(Every))]
    public void Say_what_they_and_their_members_mean(string type)
    {
        var descriptor = ShopContracts.Catalogue.Find(type)!;
        Docs.Summary(descriptor.ClrType).ShouldNotBeNullOrEmpty($"{type} has no summary: partners read it in the schema.");
        Undescribed(descriptor.Shape).ShouldBeEmpty("partners read the descriptions of members in the schema.");
    }

    [Fact]
    public void Decide_of_every_free_text_whether_it_is_personal()
    {
        // Of goods, carriers and programs; codes; and why the system did something, in its own words.
        string[] impersonal =
        [
            "OrderLine.Sku", "OrderLine.Name", "SubmittedLine.Sku", "SkuQuantity.Sku", "Shortage.Sku",
            "ProductAdded.Sku", "ProductAdded.Name", "ProductPriceChanged.Sku", "ProductDiscontinued.Sku",
            "StockReceived.Sku", "StockReceived.Reference", "StockLow.Sku", "StockReservationFailed.Reason", "StockReleased.Reason", "ReleaseStock.Reason",
            "ShipmentDispatched.Carrier", "ShipmentDispatched.TrackingNumber", "OrderShipped.Carrier", "OrderShipped.TrackingNumber", "OrderFailed.Reason",
            "PaymentProcessed.DeclineCode", "UserRegistered.Source", "FieldChange.Field", "UserSessionsEnded.Reason", "SendAccountLink.Purpose",
        ];
        var texts = typeof(ShopContracts).Assembly.GetExportedTypes()
            .Where(t => t.Namespace!.Split('.') is [.., not "Platform", ['V', ..]])
            .SelectMany(t => t.GetConstructors()).SelectMany(c => c.GetParameters())
            .Where(p => p.ParameterType == typeof(string) && p.GetCustomAttribute<System.ComponentModel.DataAnnotations.RegularExpressionAttribute>() is null)
            .ToList();
        texts.Where(p => p.GetCustomAttribute<PersonalDataAttribute>() is null).Select(p => $"{p.Member.DeclaringType!.Name}.{p.Name}").Distinct()
            .ShouldBe(impersonal, ignoreOrder: true, "a new text is marked as [PersonalData], so that an erasure replaces it, or is named here");
        texts.Count(p => p.GetCustomAttribute<PersonalDataAttribute>() is not null).ShouldBeGreaterThan(10);
    }

    [Fact]
    public void With_personal_texts_say_whose_they_are()
    {
        var of = typeof(ShopContracts).Assembly.GetExportedTypes().Where(t => HasPersonalText(t) && !IsPart(t)).ToList();
        of.Count.ShouldBeGreaterThan(4);
        of.Where(t => t.GetProperty("UserId") is null).ShouldBeEmpty("an erasure finds messages by ids");

        bool IsPart(Type type) => type == typeof(Shop.Contracts.Inventory.V1.ShipTo) || type == typeof(Shop.Contracts.Users.V1.FieldChange);
        static bool HasPersonalText(Type type) => type.GetConstructors().SelectMany(c => c.GetParameters()).Any(p =>
            p.GetCustomAttribute<PersonalDataAttribute>() is not null
            || p.ParameterType.Namespace?.StartsWith("Shop.Contracts.", StringComparison.Ordinal) == true
                && p.ParameterType != type
                && HasPersonalText(p.ParameterType)
            || p.ParameterType.IsGenericType && p.ParameterType.GetGenericArguments() is [var item] && item != type && HasPersonalText(item));
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Live_in_a_namespace_per_publisher_and_version(string type)
    {
        var descriptor = ShopContracts.Catalogue.Find(type)!;
        descriptor.ClrType.Namespace.ShouldEndWith($".V{descriptor.Version}");
        descriptor.Publisher.ShouldBeOneOf([.. Output.Locate().Services.Select(s => s.Name), "platform"]);
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Have_an_example_and_where_a_member_is_optional_one_without_it(string type)
    {
        var descriptor = ShopContracts.Catalogue.Find(type)!;
        Examples.Full.Where(e => e.GetType() == descriptor.ClrType).ShouldHaveSingleItem($"{type} has one example in Examples.Full");
        if (Optional(descriptor.Shape).ToList() is { Count: > 0 } optional)
        {
            Examples.Minimal.Where(e => e.GetType() == descriptor.ClrType)
                .ShouldHaveSingleItem($"{type} has one example in Examples.Minimal without {string.Join(", ", optional)}");
        }
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Stand_on_the_page(string type)
    {
        var page = File.ReadAllText(Output.Locate().PathOf("asyncapi.html"));
        page.ShouldContain($"id=\"{type}\"", customMessage: $"{type}: its publisher has no group in Documents.Groups");
    }

    [Fact]
    public void Mark_a_version_as_deprecated_as_soon_as_there_is_a_later_one()
    {
        foreach (var line in ShopContracts.Catalogue.All.GroupBy(e => e.Type[..e.Type.LastIndexOf('.')]))
        {
            var latest = line.Max(e => e.Version);
            line.Where(e => e.Deprecated != (e.Version < latest))
                .Select(e => e.Type)
                .ShouldBeEmpty("every version but the latest is deprecated, and the latest is not.");
        }
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Put_nothing_on_the_wire_that_only_dotnet_knows(string type)
    {
        var descriptor = ShopContracts.Catalogue.Find(type)!;
        var text = JsonSerializer.Serialize(Examples.Of(descriptor), descriptor.ClrType, ContractJson.Options);
        text.ShouldNotContain("$type");
        text.ShouldNotContain("Shop.Contracts");
        text.ShouldNotContain("null");
    }

    [Fact]
    public void Write_times_in_utc_whatever_their_offset()
    {
        var time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2));
        JsonSerializer.Serialize(new Shop.Contracts.Users.V1.UserErased(Guid.Empty, time), ContractJson.Options).ShouldContain("\"2026-01-02T01:04:05Z\"");
    }

    [Fact]
    public void Keep_amounts_exact() =>
        JsonSerializer.Serialize(new Money(0.10m + 0.20m, "EUR"), ContractJson.Options).ShouldBe("""{"amount":"0.30","currency":"EUR"}""");

    [Fact]
    public void Refuse_a_member_that_has_no_plain_form_on_the_wire() =>
        Should.Throw<NotSupportedException>(() => ContractShape.Of(typeof(WithDouble))).Message.ShouldContain("double", Case.Insensitive);

    [Fact]
    public void Refuse_a_member_that_is_neither_required_nor_optional() =>
        Should.Throw<NotSupportedException>(() => ContractShape.Of(typeof(Undecided))).Message.ShouldContain("Undecided.Text");

    [Theory]
    [InlineData("shop.order.submitted")]
    [InlineData("shop.order.submitted.v0")]
    [InlineData("shop.order.Submitted.v1")]
    [InlineData("order.submitted.v1")]
    public void Have_wire_names_by_one_rule(string wrong) => Should.Throw<ArgumentException>(() => WireName.MajorVersion(wrong));

    private static IEnumerable<string> Optional(ContractShape shape) => shape.Properties.SelectMany(
        p => (IEnumerable<string>)
        [
            .. p.Required ? Array.Empty<string>() : [p.Name], .. Optional(p.Shape), .. p.Shape.Items is { } items ? Optional(items) : [],
        ]);

    private static IEnumerable<string> Undescribed(ContractShape shape) =>
        shape.Properties.SelectMany(p => (IEnumerable<string>)
        [
            .. Docs.Member(shape.ClrType, p.ClrName) is null ? [$"{shape.ClrType.Name}.{p.ClrName}"] : Array.Empty<string>(),
            .. Undescribed(p.Shape),
            .. p.Shape.Items is { } items ? Undescribed(items) : [],
        ]);

    private sealed record WithDouble(double Price);

    private sealed record Undecided(string? Text);
}
