using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.Extensions.Options;

namespace ShopConsole.SignIn;

/// <summary>
/// Where the issuer is away and has not been heard of since the start, nobody knows where to send people: they see a page that says so, and not an error
/// of ours.
/// </summary>
internal sealed class SignInAtIssuer(
    IOptionsMonitor<OpenIdConnectOptions> options, ILoggerFactory logger, HtmlEncoder htmlEncoder, UrlEncoder encoder)
    : OpenIdConnectHandler(options, logger, htmlEncoder, encoder)
{
    public override Task SignOutAsync(AuthenticationProperties? properties) => OrSayThatItIsAwayAsync(base.SignOutAsync(properties));

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => OrSayThatItIsAwayAsync(base.HandleChallengeAsync(properties));

    private async Task OrSayThatItIsAwayAsync(Task leading)
    {
        try
        {
            await leading;
        }
        catch (InvalidOperationException e) when (e.InnerException is IOException && !Context.RequestAborted.IsCancellationRequested)
        {
            Response.Redirect(ConsoleSignIn.Failed);
        }
    }
}
