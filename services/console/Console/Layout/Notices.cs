using System.Security.Cryptography;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.DataProtection;

namespace ShopConsole.Layout;

/// <summary>
/// What an act has come to, shown on the page that follows it, once. It travels in a cookie that nobody else can write: a text in the address would be one that
/// anybody can put there.
/// </summary>
internal sealed class Notices(IHttpContextAccessor accessor, IDataProtectionProvider protection, NavigationManager navigation)
{
    private const string Cookie = "console-notice";
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private readonly ITimeLimitedDataProtector _protector = protection.CreateProtector("console.notice").ToTimeLimitedDataProtector();

    /// <summary>Leads to a page that says so.</summary>
    public void LeadTo(string page, string text)
    {
        Say(text);
        navigation.NavigateTo(page);
    }

    /// <summary>Has the page that follows say so.</summary>
    public void Say(string text)
    {
        accessor.HttpContext!.Response.Cookies.Append(Cookie, _protector.Protect(text, Lifetime), new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            MaxAge = Lifetime,
            SameSite = SameSiteMode.Strict,
            Secure = accessor.HttpContext.Request.IsHttps,
        });
    }

    /// <summary>What the act before has come to; null where there was none.</summary>
    public string? Take()
    {
        if (accessor.HttpContext is not { } context || !context.Request.Cookies.TryGetValue(Cookie, out var said) || context.Response.HasStarted)
        {
            return null;
        }

        context.Response.Cookies.Delete(Cookie);
        try
        {
            return _protector.Unprotect(said);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
