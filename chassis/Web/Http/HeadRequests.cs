using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Chassis.Web;

/// <summary>HEAD wherever there is GET: the same endpoint answers with the same status and headers, and without a body.</summary>
internal sealed class HeadRequests(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context) => HttpMethods.IsHead(context.Request.Method) ? AnswerAsync(context) : next(context);

    /// <summary>Routing counts the methods that endpoints name, and none of them names HEAD.</summary>
    public static void CompleteAllow(HttpResponse refused)
    {
        if (refused.Headers.GetCommaSeparatedValues(HeaderNames.Allow).Contains(HttpMethods.Get))
        {
            refused.Headers.Allow = $"{refused.Headers.Allow}, {HttpMethods.Head}";
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var (body, aborted) = (context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(), context.RequestAborted);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        context.Response.OnStarting(() => IsEndless(context.Response) ? ended.CancelAsync() : Task.CompletedTask);
        context.Request.Method = HttpMethods.Get;
        context.RequestAborted = ended.Token;
        context.Features.Set<IHttpResponseBodyFeature>(new NoBody(body));
        try
        {
            await next(context);
        }
        finally
        {
            context.Request.Method = HttpMethods.Head;
            context.RequestAborted = aborted;
            context.Features.Set(body);
        }
    }

    /// <summary>A stream of events has no end, and whoever asks for its headers waits for none of them.</summary>
    private static bool IsEndless(HttpResponse response) => response.ContentType == "text/event-stream";

    private sealed class NoBody(IHttpResponseBodyFeature answer) : StreamResponseBodyFeature(Stream.Null, answer)
    {
        public override Task StartAsync(CancellationToken cancellationToken = default) => PriorFeature!.StartAsync(cancellationToken);
    }
}
