namespace ShopConsole.Layout;

/// <summary>The status of a page that says in words that something is not there.</summary>
internal static class PageStatus
{
    /// <summary>
    /// At the last moment: of a page that has such a status while it is made, the framework sends nothing, and a problem for programs takes its place.
    /// </summary>
    public static void Says(this HttpContext context, int status) => context.Response.OnStarting(() =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    });
}
