using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>
/// A request that did not reach a replica goes to another one; so does a safe one whose replica died under it. Any other may have had an effect and is never
/// repeated here: its caller knows its <c>Idempotency-Key</c>.
/// </summary>
internal static partial class SecondChance
{
    public static async Task GiveAsync(HttpContext context, RequestDelegate next)
    {
        var proxy = context.GetReverseProxyFeature();
        var left = proxy.AvailableDestinations;
        while (true)
        {
            await next(context);
            if (context.GetForwarderErrorFeature() is not { } failed || context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
            {
                return;
            }

            left = [.. left.Where(d => d != proxy.ProxiedDestination)];
            var mayBeRepeated = MayBeRepeated(context.Request, failed);
            if (!mayBeRepeated || left.Count == 0)
            {
                await Problem.WriteAsync(context, mayBeRepeated ? Problem.NobodyThere : Of(failed));
                return;
            }

            LogElsewhere(Logger(context), proxy.Cluster.Config.ClusterId, failed.Error);
            context.Response.Clear();
            context.Features.Set<IForwarderErrorFeature>(null);
            proxy.ProxiedDestination = null;
            proxy.AvailableDestinations = left;
        }
    }

    private static bool MayBeRepeated(HttpRequest request, IForwarderErrorFeature failed) => failed.Error switch
    {
        ForwarderError.NoAvailableDestinations => true,
        ForwarderError.Request => Failure.IsBeforeSending(failed.Exception) || (IsSafe(request.Method) && !MayHaveBody(request)),
        _ => false,
    };

    private static Problem Of(IForwarderErrorFeature failed) => failed switch
    {
        { Error: ForwarderError.RequestBodyClient } when IsTooLarge(failed.Exception) => Problem.TooLarge,
        { Error: ForwarderError.RequestBodyClient or ForwarderError.RequestCreation } => Problem.Refused,
        { Error: ForwarderError.RequestTimedOut } => Problem.TooSlow,
        _ => Problem.UnknownOutcome,
    };

    // What broke the body comes together with what that did to the request.
    private static bool IsTooLarge(Exception? exception) => exception switch
    {
        AggregateException several => several.InnerExceptions.Any(IsTooLarge),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => true,
        _ => false,
    };

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    private static bool MayHaveBody(HttpRequest request) =>
        request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    private static ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Gateway.SecondChance");

    [LoggerMessage(1, LogLevel.Information, "A replica of {Service} got no request ({Error}); it goes to another one.", EventName = "gateway.elsewhere")]
    private static partial void LogElsewhere(ILogger logger, string service, ForwarderError error);
}
