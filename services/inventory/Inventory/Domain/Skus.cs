using System.Text.RegularExpressions;

namespace Inventory.Domain;

/// <summary>What may be a stock keeping unit: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, beginning with a letter or digit; case matters.</summary>
public static partial class Skus
{
    /// <summary>The rule as a pattern, for whoever reads the description of the interface.</summary>
    public const string Shape = "^" + Characters + "$";

    public const string Rule = "A sku is 1 to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or digit.";

    public const int MaxLength = 64;

    private const string Characters = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

    public static bool IsValid(string? sku) => sku is not null && Pattern().IsMatch(sku);

    [GeneratedRegex(@"\A" + Characters + @"\z")]
    private static partial Regex Pattern();
}

/// <summary>How much of anything is believable. Above it a typing error is likelier than an order.</summary>
internal static class Limits
{
    /// <summary>Pieces in one line of an order, a receipt, an adjustment or a recipe.</summary>
    public const int MaxQuantity = 1_000_000;

    /// <summary>Pieces of one sku in the warehouse.</summary>
    public const int MaxOnHand = 1_000_000_000;

    /// <summary>Components that a recipe names.</summary>
    public const int MaxComponents = 100;

    /// <summary>Different parts that a recipe expands to.</summary>
    public const int MaxParts = 500;

    /// <summary>Products in one import.</summary>
    public const int MaxImportRows = 5_000;

    public const int MaxName = 200;
    public const int MaxReference = 100;
    public const int MaxReason = 200;
    public const int MaxCarrier = 100;
    public const int MaxTrackingNumber = 100;
}
