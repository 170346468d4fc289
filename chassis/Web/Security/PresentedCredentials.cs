using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace Chassis.Web;

/// <summary>Says that what stands in the <c>Authorization</c> header of a request is no business of the chassis here.</summary>
public sealed class BearerIsIgnored
{
    internal static readonly BearerIsIgnored Instance = new();

    private BearerIsIgnored()
    {
    }

    /// <summary>Whether it is such an endpoint that answers.</summary>
    internal static bool By(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<BearerIsIgnored>() is not null;
}

/// <summary>
/// Whoever shows a token that does not hold is told so, also where everybody may call. Taken for nobody instead, an operator whose token had just expired would
/// register a customer of no tenant, and a customer would get the answer that strangers get.
/// </summary>
internal static class PresentedCredentials
{
    public static async Task RefuseAsync(HttpContext context, RequestDelegate next)
    {
        var ignored = BearerIsIgnored.By(context);
        if (!ignored && (await context.AuthenticateAsync()).Failure is not null)
        {
            await context.ChallengeAsync();
            return;
        }

        await next(context);
    }
}
