using Chassis;
using Chassis.Web;

namespace ShopConsole.Pages.Window;

/// <param name="Token">An access token of the customer whose orders they are; it is read with, and ends as every token does.</param>
/// <param name="Orders">The orders, with a word for each.</param>
internal sealed record WindowRequest(string Token, IReadOnlyList<WindowOrder> Orders);

internal sealed record WindowOrder(Guid Id, string Title);

/// <summary>
/// What a visitor without any token may look at, in development: the orders that the demo has placed, as its customer sees them. Kept in memory, for the
/// fifteen minutes that the customer's token lasts.
/// </summary>
internal sealed class ShopWindow(TokenValidator tokens)
{
    private const int Most = 20;

    public WindowRequest? Shown { get; private set; }

    public static void Map(WebApplication app)
    {
        if (app.Environment.IsDevelopment())
        {
            app.MapPut("/window", PutAsync).AllowAnonymous().IgnoreBearer().DisableAntiforgery().ExcludeFromDescription();
        }
    }

    // Whoever has a customer's token may show what that customer may see.
    private static async Task<IResult> PutAsync(WindowRequest request, ShopWindow window, CancellationToken ct)
    {
        try
        {
            await window._tokens.ValidateAsync(request.Token, ct);
        }
        catch (InvalidTokenException e)
        {
            throw new ProblemException(StatusCodes.Status401Unauthorized, "invalid_token", e.Message);
        }

        if (request.Orders.Count is 0 or > Most)
        {
            throw ProblemException.Invalid("orders", $"must be 1 to {Most}.");
        }

        window.Shown = request;
        return TypedResults.NoContent();
    }

    private readonly TokenValidator _tokens = tokens;
}
