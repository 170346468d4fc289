using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms;

namespace Gateway;

/// <summary>
/// Ends what is not answered in time; an event stream, once it has begun, only with the gateway itself: its reader comes back with <c>Last-Event-ID</c>.
/// </summary>
internal sealed class Patience(RequestDelegate next, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var left = context.RequestAborted;
        using var wait = new Wait(options.Value.RequestTimeout, left, lifetime.ApplicationStopping);
        context.RequestAborted = wait.Ends;
        context.Features.Set(wait);
        try
        {
            await next(context);
        }
        finally
        {
            context.RequestAborted = left;
        }

        if (wait.Ends.IsCancellationRequested && !left.IsCancellationRequested && !context.Response.HasStarted)
        {
            await Problem.WriteAsync(context, Problem.TooSlow);
        }
    }

    /// <summary>Once a replica has answered. Its headers leave at once: the first event may be a long time coming.</summary>
    public static async ValueTask LetStreamsRunAsync(ResponseTransformContext answer)
    {
        if (answer.ProxyResponse?.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            answer.HttpContext.Features.Get<Wait>()!.UntilTheGatewayStops();
            await answer.HttpContext.Response.Body.FlushAsync(answer.CancellationToken);
        }
    }

    private sealed class Wait : IDisposable
    {
        private readonly CancellationTokenSource _ends;
        private readonly CancellationToken _stopping;
        private CancellationTokenRegistration _stops;

        public Wait(TimeSpan limit, CancellationToken left, CancellationToken stopping)
        {
            _ends = CancellationTokenSource.CreateLinkedTokenSource(left);
            _ends.CancelAfter(limit);
            _stopping = stopping;
        }

        public CancellationToken Ends => _ends.Token;

        public void UntilTheGatewayStops()
        {
            _ends.CancelAfter(Timeout.InfiniteTimeSpan);
            _stops = _stopping.Register(_ends.Cancel);
        }

        public void Dispose()
        {
            _stops.Dispose();
            _ends.Dispose();
        }
    }
}
