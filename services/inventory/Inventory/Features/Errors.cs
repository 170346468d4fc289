using Chassis;

namespace Inventory.Features;

/// <summary>The refusals that more than one feature gives.</summary>
internal static class Errors
{
    public static ProblemException NoSuchProduct(string sku) =>
        // What cannot be a sku is not echoed.
        ProblemException.NotFound(Domain.Skus.IsValid(sku) ? $"There is no product {sku}." : "There is no such product.");

    public static ProblemException Discontinued(string sku) =>
        ProblemException.Conflict("product_discontinued", $"The product {sku} is discontinued.");

    public static ProblemException HasRecipe(string sku) =>
        ProblemException.Conflict("product_has_components", $"The product {sku} is made of components: stock is kept for those.");
}
