using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Chassis.Web;

/// <summary>The last word on every failed request: an exception, or a status without a body, becomes a problem document.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    private static readonly string[] AboutTheBody = ["Content-Length", "Content-Type", "Content-Encoding", "ETag", "Location"];

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; nobody reads an answer, or the rest of one.
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            }

            return;
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            var problem = ProblemMapping.Map(e);
            if (problem is null)
            {
                LogUnhandled(logger, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "-", e);
            }
            else if (problem.Status >= StatusCodes.Status500InternalServerError)
            {
                LogUnavailable(logger, problem.Message, e.Message);
            }

            // What the edges have set stays: correlation, rate limit, security headers.
            foreach (var header in AboutTheBody)
            {
                context.Response.Headers.Remove(header);
            }

            await ProblemWriter.WriteAsync(context, problem ?? ProblemWriter.ForStatus(StatusCodes.Status500InternalServerError));
            return;
        }

        if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null, ContentLength: null or 0 })
        {
            HeadRequests.CompleteAllow(context.Response);
            await ProblemWriter.WriteAsync(context, ProblemWriter.ForStatus(context.Response.StatusCode));
        }
    }

    [LoggerMessage(1201, LogLevel.Error, "Unhandled exception in {Method} {Endpoint}", EventName = "request.failed")]
    private static partial void LogUnhandled(ILogger logger, string method, string endpoint, Exception exception);

    [LoggerMessage(1202, LogLevel.Warning, "{Problem} ({Reason})", EventName = "request.unavailable")]
    private static partial void LogUnavailable(ILogger logger, string problem, string reason);
}
