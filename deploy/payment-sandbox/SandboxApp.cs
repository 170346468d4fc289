using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace PaymentSandbox;

/// <summary>A payment provider to develop and test against: the PaymentIntents API with cards that misbehave, faults by switch, and a ledger.</summary>
public static class SandboxApp
{
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (builder.Configuration["urls"] is null && builder.Configuration["http_ports"] is null)
        {
            // Not in appsettings.json, which would win over ASPNETCORE_URLS.
            builder.WebHost.UseUrls("http://127.0.0.1:8090");
        }

        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.AddOptions<SandboxOptions>().BindConfiguration(SandboxOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(s => new Journal(s.GetRequiredService<IOptions<SandboxOptions>>().Value.DataDirectory));
        builder.Services.AddSingleton<Ledger>();
        builder.Services.AddSingleton(
            s => new FaultBoard(s.GetRequiredService<IOptions<SandboxOptions>>().Value.Seed is var seed and not 0 ? new Random(seed) : new Random()));
        builder.Services.AddSingleton<PaymentApi>();
        configure?.Invoke(builder);

        var app = builder.Build();
        app.Services.GetRequiredService<Ledger>();
        app.MapGet("/health/live", () => Results.Json(new { status = "healthy" }));
        app.MapGet("/health/ready", (Ledger ledger) =>
            ledger.IsWritable ? Results.Json(new { status = "healthy" }) : Results.Json(new { status = "unhealthy" }, statusCode: 503));
        PaymentApi.Map(app);
        MapControls(app.MapGroup("/sandbox"));
        app.MapGet("/", (Ledger ledger, FaultBoard faults) => Results.Content(LedgerPage.Render(ledger, faults), "text/html; charset=utf-8"));
        return app;
    }

    private static void MapControls(RouteGroupBuilder sandbox)
    {
        sandbox.MapGet("/ledger", (Ledger ledger, string? orderId, int? limit) => Results.Json(
            new
            {
                payments = ledger.CountByStatus(),
                entries = ledger.Entries(e => orderId is null || e.OrderId == orderId, Math.Clamp(limit ?? 1000, 1, 100_000)),
            },
            StripeJson.Options));

        sandbox.MapGet("/faults", (FaultBoard faults) => Results.Json(faults.Rules, StripeJson.Options));

        sandbox.MapPost("/faults", async (HttpContext http, FaultBoard faults) =>
        {
            var rule = await http.Request.ReadFromJsonAsync<FaultRule>(StripeJson.Options);
            var problems = new List<ValidationResult>();
            return rule is not null && Validator.TryValidateObject(rule, new ValidationContext(rule), problems, validateAllProperties: true)
                ? Results.Json(faults.Add(rule), StripeJson.Options, statusCode: 201)
                : Results.Json(new ErrorBody(StripeError.Invalid(string.Join(" ", problems.Select(p => p.ErrorMessage)))), StripeJson.Options, statusCode: 400);
        });

        sandbox.MapDelete("/faults/{id}", (string id, FaultBoard faults) => faults.Remove(id) ? Results.NoContent() : Results.NotFound());

        sandbox.MapDelete("/faults", (FaultBoard faults) =>
        {
            faults.Clear();
            return Results.NoContent();
        });
    }
}
