using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using ShopConsole.Layout;

namespace ShopConsole.Tests;

/// <summary>What holds for each page that there is and will be: the routes are those of the components.</summary>
public sealed partial class Every_page(ConsoleInProcess console) : IClassFixture<ConsoleInProcess>
{
    /// <summary>Pages for whoever has not signed in, or may not.</summary>
    private static readonly string[] ForEverybody = ["/window", "/not-for-you", "/sign-in-failed", "/not-found"];

    public static TheoryData<string> Pages =>
        [.. typeof(App).Assembly.GetTypes().SelectMany(t => t.GetCustomAttributes<RouteAttribute>()).Select(r => Parameter().Replace(
            r.Template, p => p.Value.EndsWith(":guid}", StringComparison.Ordinal) ? "01a22b61-3b51-7453-8720-00c0ffee1234" : "orders")).Distinct()];

    public static TheoryData<string> PagesOfOperators => [.. Pages.Select(p => p.Data).Except(ForEverybody)];

    [Fact]
    public void Is_found_here() => Pages.Count.ShouldBeGreaterThan(20);

    [Theory]
    [MemberData(nameof(PagesOfOperators))]
    public async Task Leads_whoever_has_not_signed_in_to_where_people_sign_in(string path)
    {
        using var client = console.Anonymous();
        using var response = await client.GetAsync(path);
        response.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        response.Headers.Location!.ToString().ShouldStartWith($"{ConsoleInProcess.Issuer}/connect/authorize?");
        response.Headers.Location.Query.ShouldContain("code_challenge_method=S256");
    }

    [Fact]
    public async Task Leads_to_one_that_says_so_while_nobody_can_be_sent_to_sign_in()
    {
        // As after a start of the console while the issuer is away.
        await using var alone = console.WithWebHostBuilder(builder => builder.ConfigureTestServices(services =>
            services.PostConfigure<OpenIdConnectOptions>(OpenIdConnectDefaults.AuthenticationScheme, o => o.ConfigurationManager =
                new ConfigurationManager<OpenIdConnectConfiguration>(
                    $"http://127.0.0.1:{Ports.Free()}/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
                    new HttpDocumentRetriever { RequireHttps = false }))));
        using var client = alone.CreateClient(new WebApplicationFactoryClientOptions { AllowAutoRedirect = false });
        using var response = await client.GetAsync("/orders");
        response.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        response.Headers.Location!.ToString().ShouldBe("/sign-in-failed");
        (await client.GetStringAsync("/sign-in-failed")).ShouldContain("the service that signs people in is away");
    }

    [Theory]
    [MemberData(nameof(PagesOfOperators))]
    public async Task Is_not_for_customers(string path)
    {
        using var client = console.SignedIn("customer");
        using var response = await client.GetAsync(path);
        response.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        response.Headers.Location!.PathAndQuery.ShouldStartWith("/not-for-you");
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Lets_a_browser_do_nothing_but_what_is_ours(string path)
    {
        using var client = console.SignedIn();
        using var response = await client.GetAsync(path);
        var page = await response.Content.ReadAsStringAsync();
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/html", page);
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        policy.ShouldStartWith("default-src 'none'");
        policy.ShouldContain("frame-ancestors 'none'");
        policy.ShouldContain("base-uri 'none'");
        policy.ShouldNotContain("unsafe-");
        policy.ShouldNotContain("*");
        response.Headers.GetValues("Cache-Control").Single().ShouldBe("no-store");
        response.Headers.GetValues("X-Content-Type-Options").Single().ShouldBe("nosniff");
        InlineCode().Matches(page).Select(m => m.Value).ShouldBeEmpty("the policy refuses what stands in a page as code or as style.");
    }

    [Theory]
    [MemberData(nameof(PagesOfOperators))]
    public async Task Is_there_though_no_service_knows_anything(string path)
    {
        using var client = console.SignedIn();
        using var response = await client.GetAsync(path);
        (await response.Content.ReadAsStringAsync()).ShouldContain("<h1>");
        response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.NotFound);
    }

    [Theory]
    [MemberData(nameof(PagesOfOperators))]
    public async Task Takes_no_form_that_is_not_its_own(string path)
    {
        using var client = console.SignedIn();
        var before = Acts();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["_handler"] = "retry", ["Reason"] = "because", ["Key"] = "k" });
        using var response = await client.PostAsync(path, form);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        Acts().ShouldBe(before);
    }

    [Fact]
    public async Task That_there_is_none_of_is_a_page_that_says_so()
    {
        using var client = console.SignedIn();
        using var response = await client.GetAsync("/there-is/no-such-page");
        response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await response.Content.ReadAsStringAsync()).ShouldContain("There is no such page");
    }

    [Fact]
    public async Task Of_the_sign_out_takes_no_form_that_is_not_its_own()
    {
        using var client = console.SignedIn();
        using var response = await client.PostAsync("/sign-out", new FormUrlEncodedContent([]));
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        response.Headers.Contains("Set-Cookie").ShouldBeFalse();
    }

    [Fact]
    public async Task Acts_once_for_a_form_of_its_own_that_says_why()
    {
        var id = Guid.NewGuid();
        console.Shop.With("orders", $"/v1/ops/dead-letters/{id}", $$"""
            { "id": "{{id}}", "messageId": "m", "type": "ReserveStock", "queue": "orders.fulfilment", "reason": "failed", "fingerprint": "f", "status": "open",
              "failures": 1, "firstFailedAt": "2026-03-14T10:00:00Z", "failedAt": "2026-03-14T10:00:00Z", "contentType": "application/json",
              "headers": {}, "body": "</pre><script>alert(1)</script>", "history": [] }
            """).With("orders", $"/v1/ops/dead-letters/{id}/retry", "", HttpStatusCode.Accepted);
        using var client = console.SignedIn();
        using var page = await client.GetAsync($"/failed/orders/{id}");
        var html = await page.Content.ReadAsStringAsync();
        html.ShouldNotContain("<script>alert");
        var key = Field().Match(html[html.IndexOf("_handler\" value=\"retry\"", StringComparison.Ordinal)..]).Groups["value"].Value;
        client.DefaultRequestHeaders.Add("Cookie", page.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
        var fields = new Dictionary<string, string>
        {
            ["_handler"] = "retry", ["__RequestVerificationToken"] = Token().Match(html).Groups["value"].Value, ["Key"] = key, ["Reason"] = " ",
        };
        using var without = new FormUrlEncodedContent(fields);
        using var refused = await client.PostAsync($"/failed/orders/{id}", without);
        (await refused.Content.ReadAsStringAsync()).ShouldContain("it needs a reason");
        console.Shop.Asked.ShouldNotContain(a => a.Request.RequestUri!.AbsolutePath.EndsWith("/retry", StringComparison.Ordinal));

        fields["Reason"] = "Läuft wieder.";
        using var form = new FormUrlEncodedContent(fields);
        var response = await client.PostAsync($"/failed/orders/{id}", form);
        response.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        var (request, _) = console.Shop.Asked.Single(a => a.Request.RequestUri!.AbsolutePath == $"/v1/ops/dead-letters/{id}/retry");
        request.Method.ShouldBe(HttpMethod.Post);
        request.Headers.Authorization!.ToString().ShouldBe("Bearer the token");
        request.Headers.GetValues("Idempotency-Key").ShouldBe([key]);
        request.Headers.GetValues("X-Reason").ShouldBe(["Läuft wieder."]);
    }

    [Fact]
    public async Task Says_how_it_stands_where_its_form_is_one_of_before()
    {
        using var client = console.SignedIn();
        using var page = await client.GetAsync("/failed");
        var html = await page.Content.ReadAsStringAsync();
        client.DefaultRequestHeaders.Add("Cookie", page.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["_handler"] = "gone", ["__RequestVerificationToken"] = Token().Match(html).Groups["value"].Value,
        });
        using var response = await client.PostAsync("/failed?a=b", form);
        response.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        response.Headers.Location!.ToString().ShouldBe("/failed?a=b");
        client.DefaultRequestHeaders.Add("Cookie", response.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
        (await client.GetStringAsync("/failed")).ShouldContain("somebody else may have acted first");
    }

    // A search of people is a POST that reads.
    private int Acts() => console.Shop.Asked.Count(a => a.Request.Method != HttpMethod.Get && a.Request.RequestUri!.AbsolutePath != "/v1/users/search");

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("<script(?![^>]* src=)[^>]*>|<style|\\s(style|on[a-z]+)=\"[^\"]*\"", RegexOptions.IgnoreCase)]
    private static partial Regex InlineCode();

    [GeneratedRegex("name=\"Key\" value=\"(?<value>[^\"]+)\"")]
    private static partial Regex Field();

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"(?<value>[^\"]+)\"")]
    private static partial Regex Token();
}
