using Chassis;
using Chassis.Web;
using Shop.Contracts.Users.V1;
using static Users.Features.AccountPage;

namespace Users.Features;

/// <summary>
/// Where the links in mails lead, unless a front end has pages of its own. Opening one shows what is about to happen, so that whoever looks into mails for
/// viruses changes nothing; its button does it. The ticket stands behind the #, which a browser keeps to itself: a script puts it into the form. Links of the
/// version before have it behind a ?.
/// </summary>
internal static class TicketPages
{
    private const string TicketIntoForm =
        """
        <script>
        const ticket = document.querySelector('form [name=ticket]');
        ticket.value ||= new URLSearchParams(location.hash.slice(1) || location.search).get('ticket') ?? '';
        history.replaceState(null, '', location.pathname);
        document.querySelector('form').hidden = !ticket.value;
        document.querySelector('#astray').hidden = !!ticket.value;
        </script>
        <noscript><p>This page needs JavaScript, for what the link in the mail carries.</p></noscript>
        """;

    private static readonly Dictionary<string, TicketPage> All = new()
    {
        [AccountLinks.ResetPassword] = new(
            "Set a new password", "At least eight characters, and nothing that everybody tries.", "Set the password", AsksForPassword: true,
            "Your password is set", "You are signed out everywhere. Sign in with the new password.",
            (http, ticket, password, ct) => Of<ResetPassword>(http).CompleteAsync(new ResetPasswordRequest(ticket, password), ct)),
        [AccountLinks.VerifyEmail] = new(
            "Confirm your e-mail address", "You have registered with this address, and read the mail that was sent there.", "Confirm the address", AsksForPassword: false,
            "Your address is confirmed", "Mails about your account and your orders go there.",
            (http, ticket, _, ct) => Of<VerifyEmail>(http).CompleteAsync(ticket, ct)),
        [AccountLinks.ConfirmEmail] = new(
            "Use your new e-mail address", "You sign in with it from then on, and are signed out everywhere.", "Use this address", AsksForPassword: false,
            "Your address is changed", "Sign in with the new address.",
            (http, ticket, _, ct) => Of<ChangeEmail>(http).ConfirmAsync(ticket, ct)),
        [AccountLinks.UndoEmailChange] = new(
            "Take your account back", "Your account gets this address again. Choose a new password: whoever changed the address may know the one of now.", "Take it back", AsksForPassword: true,
            "Your account is yours again", "Whoever was signed in is signed out. Sign in with this address and the new password.",
            (http, ticket, password, ct) => Of<ChangeEmail>(http).UndoAsync(new ResetPasswordRequest(ticket, password), ct)),
    };

    /// <param name="purpose">One of <see cref="AccountLinks"/>.</param>
    public static string PathOf(string purpose) => $"/account/{purpose}";

    public static void Map(IEndpointRouteBuilder app)
    {
        foreach (var (purpose, page) in All)
        {
            var path = PathOf(purpose);
            app.MapGet(path, (HttpContext http) => page.Ask(http, path, null, null, StatusCodes.Status200OK))
                .AllowAnonymous()
                .IgnoreBearer()
                .ExcludeFromDescription();
            app.MapPost(path, (HttpContext http, CancellationToken cancellationToken) => page.DoAsync(http, path, cancellationToken))
                .AllowAnonymous().IgnoreBearer().IsCostly().DisableAntiforgery().ExcludeFromDescription();
        }
    }

    private static T Of<T>(HttpContext http)
        where T : notnull => http.RequestServices.GetRequiredService<T>();

    /// <param name="Title">What is about to happen.</param>
    /// <param name="Line">What it means.</param>
    /// <param name="Button">Does it.</param>
    /// <param name="AsksForPassword">Whether a new password is chosen here.</param>
    /// <param name="Done">What has happened.</param>
    /// <param name="Next">What comes next.</param>
    /// <param name="Complete">Does it, with the ticket and the new password.</param>
    private sealed record TicketPage(
        string Title,
        string Line,
        string Button,
        bool AsksForPassword,
        string Done,
        string Next,
        Func<HttpContext, string, string, CancellationToken, Task> Complete)
    {
        public IResult Ask(HttpContext http, string path, string? ticket, string? notice, int status) => Show(
            http,
            Title,
            Line,
            $"""
            <form method="post" action="{path}">
            <input type="hidden" name="ticket" value="{Encode(ticket)}">
            {(AsksForPassword ? """<label for="password">New password</label><input id="password" name="password" type="password" autocomplete="new-password" required autofocus>""" : "")}
            <button>{Encode(Button)}</button>
            </form>
            <p id="astray" hidden>This page is opened by the link in the mail. <a href="{PasswordPages.Forgotten}">Forgotten your password?</a></p>
            {TicketIntoForm}
            """,
            notice,
            status);

        public async Task<IResult> DoAsync(HttpContext http, string path, CancellationToken ct)
        {
            if (!http.Request.HasFormContentType || IsFromElsewhere(http.Request))
            {
                return Ask(http, path, null, null, StatusCodes.Status400BadRequest);
            }

            var form = await http.Request.ReadFormAsync(ct);
            var ticket = form["ticket"].ToString();
            try
            {
                await Complete(http, ticket, form["password"].ToString(), ct);
                return Show(http, Done, Next, "");
            }
            catch (ProblemException e) when (e.Status is StatusCodes.Status400BadRequest or StatusCodes.Status409Conflict)
            {
                return Ask(
                    http, path, ticket, e.Errors is { } errors ? $"The password {string.Join(" It ", errors.SelectMany(f => f.Value))}" : e.Message, e.Status);
            }
        }
    }
}
