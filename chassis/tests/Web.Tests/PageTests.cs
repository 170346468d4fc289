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
