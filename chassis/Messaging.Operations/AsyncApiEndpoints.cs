using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;

namespace Chassis.Messaging.Operations;

/// <summary>What this system's messages look like, told by every service.</summary>
public static class AsyncApiEndpoints
{
    /// <summary><c>/asyncapi</c> as a page to read and <c>/asyncapi.yaml</c> as the document, for everybody.</summary>
    public static IEndpointRouteBuilder MapAsyncApi(this IEndpointRouteBuilder app)
    {
        app.MapPage("/asyncapi", AsyncApiDocument.Page(app.ServiceProvider.GetRequiredService<ServiceIdentity>().Name));
        app.MapGet("/asyncapi.yaml", () => TypedResults.Content(AsyncApiDocument.Yaml, "application/yaml; charset=utf-8")).AllowAnonymous().ExcludeFromDescription();
        return app;
    }
}
