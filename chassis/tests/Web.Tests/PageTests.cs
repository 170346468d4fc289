using Chassis.Testing;

namespace Chassis.Web.Tests;

public sealed class Pages(SampleService service) : IClassFixture<SampleService>
{
    [Fact]
    public async Task Work_under_their_own_headers_and_ask_no_other_origin()
    {
        using var client = service.Client();
        (await ServedPages.VerifyAsync(service.Services, client)).ShouldBe(["/docs", "/things/page"], ignoreOrder: true);
    }

    [Fact]
    public async Task Are_where_the_address_of_the_service_leads_to()
    {
        using var client = service.Client();
        using var answer = await client.GetAsync("/", TestContext.Current.CancellationToken);
        answer.StatusCode.ShouldBe(System.Net.HttpStatusCode.Found);
        new Uri(new Uri("http://shop/behind/"), answer.Headers.Location!).AbsolutePath.ShouldBe("/behind/docs");
        using var sent = await client.PostAsync("/", null, TestContext.Current.CancellationToken);
        sent.StatusCode.ShouldBe(System.Net.HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Are_not_found_out_by_a_nonce_that_repeats()
    {
        using var client = service.Client();
        (await PolicyAsync()).ShouldNotBe(await PolicyAsync());

        async Task<string> PolicyAsync()
        {
            using var answer = await client.GetAsync("/docs", TestContext.Current.CancellationToken);
            return answer.Headers.GetValues("Content-Security-Policy").Single();
        }
    }
}
