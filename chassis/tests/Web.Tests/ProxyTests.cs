using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Web.Tests;

/// <summary>Who a service takes a caller for when somebody stands between them, on real sockets.</summary>
public sealed class Behind_a_proxy_a_caller
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.0/8", 1, "203.0.113.7", "203.0.113.7 https")]
    [InlineData("127.0.0.1", 1, "6.6.6.6, 203.0.113.7", "203.0.113.7 https")]
    [InlineData("10.0.0.0/8, 127.0.0.1", 2, "6.6.6.6, 203.0.113.7, 10.1.1.1", "203.0.113.7 https")]
    [InlineData("127.0.0.1", 2, "6.6.6.6, 203.0.113.7, 10.1.1.1", "10.1.1.1 https")]
    public async Task Is_whom_the_trusted_ones_name(string trusted, int hops, string forwarded, string expected)
    {
        using var log = new LogLines();
        await using var app = await StartAsync(log, ("Proxy:Trusted", trusted), ("Proxy:Hops", $"{hops}"));
        (await WhoAsync(app, forwarded)).ShouldBe(expected);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10.0.0.0/8")]
    public async Task Is_not_who_it_says_to_be_and_that_is_logged_once(string trusted)
    {
        using var log = new LogLines();
        await using var app = await StartAsync(log, ("Proxy:Trusted", trusted));
        (await WhoAsync(app, "203.0.113.7")).ShouldBe("127.0.0.1 http");
        (await WhoAsync(app, "203.0.113.8")).ShouldBe("127.0.0.1 http");
        log.Lines.Count(l => l.Contains("X-Forwarded-For from 127.0.0.0/24, ", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Theory]
    [InlineData("Proxy:Trusted", "anybody", "'anybody' is no address")]
    [InlineData("Proxy:Hops", "0", "Hops")]
    [InlineData("FORWARDEDHEADERS_ENABLED", "true", "Proxy__Trusted")]
    public async Task Is_never_believed_by_a_setting_that_says_nothing(string setting, string value, string reason)
    {
        using var log = new LogLines();
        await using var app = Build(log, (setting, value));
        Should.Throw<OptionsValidationException>(() => app.Services.GetRequiredService<IStartupValidator>().Validate()).Message.ShouldContain(reason);
    }

    private static async Task<WebApplication> StartAsync(LogLines log, params (string Name, string Value)[] settings)
    {
        var app = Build(log, settings);
        app.UseServiceDefaults();
        app.MapGet("/who", (HttpContext context) => $"{context.Connection.RemoteIpAddress!.MapToIPv4()} {context.Request.Scheme}").AllowAnonymous();
        await app.StartAsync(Token);
        return app;
    }

    private static WebApplication Build(LogLines log, params (string Name, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0", ["Authentication:Authority"] = TestTokens.Issuer,
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value)));
        builder.AddServiceDefaults("proxied");
        builder.Logging.ClearProviders().AddProvider(log);
        return builder.Build();
    }

    private static async Task<string> WhoAsync(WebApplication app, string forwarded)
    {
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        client.DefaultRequestHeaders.Add("X-Forwarded-For", forwarded);
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", string.Join(", ", forwarded.Split(',').Select(_ => "https")));
        return await client.GetStringAsync("/who", Token);
    }
}
