using Chassis.Data;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chassis.Web;

/// <summary>Answers on the service's address while its database is not there yet: alive, not ready, try again.</summary>
internal sealed partial class WaitingRoom : IAsyncDisposable
{
    private readonly WebApplication _app;

    private volatile string _reason = "its database cannot be reached yet.";

    private WaitingRoom(WebApplication app) => this._app = app;

    /// <returns>The waiting room, or null when the service does not listen on a socket or its address is taken.</returns>
    public static async Task<WaitingRoom?> OpenAsync(WebApplication service, ILogger logger, CancellationToken ct)
    {
        if (!service.Services.GetRequiredService<IServer>().GetType().Name.StartsWith("Kestrel", StringComparison.Ordinal))
        {
            return null;
        }

        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(service.Configuration.GetSection("Kestrel").AsEnumerable());     // its certificate
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Edges.Configure);
        builder.WebHost.UseUrls(service.Configuration["urls"]?.Split(';') ?? [$"http://*:{service.Configuration["http_ports"] ?? "8080"}"]);
        var app = builder.Build();
        app.UseMiddleware<SecurityHeaders>();
        var room = new WaitingRoom(app);
        app.Run(room.AnswerAsync);
        try
        {
            await app.StartAsync(ct);
            return room;
        }
        catch (IOException e)
        {
            LogNotOpen(logger, e.Message);
            await app.DisposeAsync();
            return null;
        }
    }

    /// <summary>Says from now on that the database answers, and what it lacks.</summary>
    public void WaitFor(MigrationsMissingException missing) => _reason = missing.Message;

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/health/live")
        {
            return context.Response.WriteAsJsonAsync(new { status = "healthy", checks = new { } });
        }

        // The reason is for whoever runs it.
        var isAskedWhy = context.Request.Path == "/health/ready";
        return ProblemWriter.WriteAsync(context, ProblemException.Unavailable(isAskedWhy ? $"The service is starting: {_reason}" : "The service is starting."));
    }

    [LoggerMessage(1402, LogLevel.Warning, "Not answering while waiting: {Reason}", EventName = "service.not_open")]
    private static partial void LogNotOpen(ILogger logger, string reason);
}
