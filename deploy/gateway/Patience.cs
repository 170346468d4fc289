using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Ends what is not answered in time; an event stream, once it has begun, only with the gateway itself: its reader comes back with <c>Last-Event-ID</c>.
/// </summary>
internal sealed class Patience(RequestDelegate next, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var left = context.RequestAborted;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(left);
        var stops = default(CancellationTokenRegistration);
        ends.CancelAfter(options.Value.RequestTimeout);
        context.RequestAborted = ends.Token;
        context.Response.OnStarting(() =>
        {
            if (IsStream(context.Response))
            {
                ends.CancelAfter(Timeout.InfiniteTimeSpan);
                stops = lifetime.ApplicationStopping.Register(ends.Cancel);
            }

            return Task.CompletedTask;
        });
        try
        {
            await next(context);
        }
        finally
        {
            await stops.DisposeAsync();
            context.RequestAborted = left;
        }

        if (ends.IsCancellationRequested && !left.IsCancellationRequested && !context.Response.HasStarted)
        {
            await Problem.WriteAsync(context, Problem.TooSlow);
        }
    }

    private static bool IsStream(HttpResponse response) =>
        response.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) == true;
}
