using Chassis.Web;
using Contracts.Events;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Messaging.Operations;

/// <summary>What this system's messages look like, told by every service.</summary>
public static class AsyncApiEndpoints
{
    /// <summary><c>/asyncapi</c> as a page to read and <c>/asyncapi.yaml</c> as the document, for everybody.</summary>
    public static IEndpointRouteBuilder MapAsyncApi(this IEndpointRouteBuilder app)
    {
        var document = new AsyncApiDocument(app.ServiceProvider.GetRequiredService<EventCatalogue>());
        app.MapPage("/asyncapi", document.Page(app.ServiceProvider.GetRequiredService<ServiceIdentity>().Name));
        app.MapGet("/asyncapi.yaml", () => TypedResults.Content(document.Yaml, "application/yaml; charset=utf-8")).AllowAnonymous().ExcludeFromDescription();
        return app;
    }
}
