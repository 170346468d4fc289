using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Validator = Chassis.Web.Validator;

namespace Web.Tests;

/// <summary>The bounds that a request has on its properties.</summary>
public sealed class BoundsTests
{
    [Fact]
    public void Within_them_nothing_is_said() =>
        Problems(new Order("Ada", "note", [new Line("lamp", 1), new Line("desk", 9)], ["a"], new Price("EUR"))).ShouldBeEmpty();

    [Fact]
    public void Everything_beyond_them_is_named_as_the_caller_wrote_it() =>
        Problems(new Order(" ", "two\nlines", [new Line("lamp", 0), null!, new Line(new string('x', 11), 10)], ["abcd"], new Price("euro"))).ShouldBe(
            [
                "lines[0].quantity: must be between 1 and 9.", "lines[1]: is required.", "lines[2].quantity: must be between 1 and 9.", "lines[2].sku: must have at most 10 characters.",
                "name: is required.", "note: must not contain control characters.", "price.currency: must match ^[A-Z]{3}$.", "tags: must have at most 3 characters each.",
            ]);

    [Fact]
    public void What_may_be_missing_may_be_missing_and_nothing_else() =>
        Problems(new Order(null!, null, null!, null, null)).ShouldBe(["lines: is required.", "name: is required."]);

    [Fact]
    public void Lists_have_an_end_and_a_beginning()
    {
        Problems(new Order("Ada", null, [], null, null)).ShouldBe(["lines: must have between 1 and 3 elements."]);
        Problems(new Order("Ada", null, [.. Enumerable.Repeat(new Line("lamp", 1), 4)], null, null)).ShouldBe(["lines: must have between 1 and 3 elements."]);
        Problems(new Order("Ada", null, [new Line("lamp", 1)], ["a", "b", "c"], null)).ShouldBe(["tags: must have at most 2 elements."]);
    }

    private static List<string> Problems(Order order)
    {
        try
        {
            new Validator().Bounds(order).ThrowIfInvalid();
            return [];
        }
        catch (ProblemException e)
        {
            return [.. e.Errors!.SelectMany(field => field.Value.Select(message => $"{field.Key}: {message}")).Order(StringComparer.Ordinal)];
        }
    }

    private sealed record Order(
        [property: Text(10)] string Name,
        [property: Text(10)] string? Note,
        [property: Length(1, 3)] IReadOnlyList<Line> Lines,
        [property: MaxLength(2), Each(3)] IReadOnlyList<string>? Tags,
        Price? Price);

    private sealed record Line([property: MaxLength(10)] string Sku, [property: Range(1, 9)] int Quantity);

    /// <summary>As contracts have it: the rule is on the parameter.</summary>
    private sealed record Price([RegularExpression("^[A-Z]{3}$")] string Currency);
}
