using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Testing;

/// <summary>The routes of a running service.</summary>
internal static partial class ServiceRoutes
{
    /// <summary>Endpoints by method and pattern without constraints, such as <c>GET /v1/orders/{id}</c>.</summary>
    public static Dictionary<string, RouteEndpoint> Of(IServiceProvider services)
    {
        var result = new Dictionary<string, RouteEndpoint>(StringComparer.Ordinal);
        foreach (var endpoint in services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>())
        {
            var pattern = new StringBuilder("/").Append(Constraint().Replace(endpoint.RoutePattern.RawText!.Trim('/'), "{$1}")).ToString();
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                result[$"{method} {pattern}"] = endpoint;
            }
        }

        return result;
    }

    /// <summary>The path of a route with its placeholders filled in; with ids that nothing has, where none are given.</summary>
    public static string Path(string route, IReadOnlyDictionary<string, string>? values) =>
        Placeholder().Replace(route.Split(' ')[1], m => values?.GetValueOrDefault(m.Groups[1].Value) ?? Guid.CreateVersion7().ToString());

    [GeneratedRegex(@"\{\*{0,2}([^:}?=]+)[^}]*\}")]
    private static partial Regex Constraint();

    [GeneratedRegex(@"\{([^}]+)\}")]
    private static partial Regex Placeholder();
}
