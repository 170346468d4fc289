using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Chassis.Web;

/// <summary>
/// No answer to an operator, and none to whoever calls what is for operators, leaves before the call is on record; when it cannot be recorded, the call fails.
/// What is written is recorded in the transaction that writes it (<see cref="AuditInterceptor"/>).
/// </summary>
internal sealed class AuditMiddleware(RequestDelegate next, AuditTrail trail)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (AuditedCall.Begin(context) is not { } call)
        {
            await next(context);
            return;
        }

        var answer = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var body = new AuditedBody(answer, () => trail.CompleteAsync(call, context.Response.StatusCode));
        context.Features.Set<IHttpResponseBodyFeature>(body);
        try
        {
            await next(context);
            await body.FlushAsync();
            await trail.CompleteAsync(call, context.Response.StatusCode);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await trail.CompleteAsync(call, StatusOf(context, e));
            throw;
        }
        finally
        {
            context.Features.Set(answer);
        }
    }

    private static int StatusOf(HttpContext context, Exception e) => context.RequestAborted.IsCancellationRequested
        ? StatusCodes.Status499ClientClosedRequest
        : ProblemMapping.Map(e)?.Status ?? StatusCodes.Status500InternalServerError;
}
