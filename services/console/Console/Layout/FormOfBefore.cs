using Microsoft.AspNetCore.Antiforgery;

namespace ShopConsole.Layout;

/// <summary>
/// A page offers what can be done as things stand. Somebody else may have done it since, and then the form that comes back is one that the page has no more:
/// whoever sent it sees how things stand now, and not an empty refusal.
/// </summary>
internal sealed class FormOfBefore(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: true })
        {
            context.Response.OnStarting(() =>
            {
                if (context.Response.StatusCode == StatusCodes.Status400BadRequest)
                {
                    context.RequestServices.GetRequiredService<Notices>()
                        .Say("Nothing was done: somebody else may have acted first. This is how it stands now.");
                    context.Response.StatusCode = StatusCodes.Status303SeeOther;
                    context.Response.Headers.Location = $"{context.Request.PathBase}{context.Request.Path}{context.Request.QueryString}";
                }

                return Task.CompletedTask;
            });
        }

        return next(context);
    }
}
