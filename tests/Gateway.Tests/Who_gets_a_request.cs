using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.AspNetCore.Http;

namespace Gateway.Tests;

public sealed class Who_gets_a_request
{
    [Fact]
    public async Task Every_replica_has_its_share()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 3);
        for (var i = 0; i < 90; i++)
        {
            await gateway.AskAsync();
        }

        gateway.Replicas.ShouldAllBe(r => r.Got.Count >= 10);
        gateway.Replicas.Sum(r => r.Got.Count).ShouldBe(90);
    }

    [Fact]
    public async Task Who_has_less_to_do_gets_more()
    {
        await using var gateway = await RunningGateway.StartAsync();
        var open = new List<HttpResponseMessage>();
        for (var i = 0; i < 20; i++)
        {
            open.Add(await gateway.Client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead));
        }

        Math.Abs(gateway.Replicas[0].Got.Count - gateway.Replicas[1].Got.Count).ShouldBeLessThanOrEqualTo(2);
        open.ForEach(o => o.Dispose());
    }

    [Fact]
    public async Task A_replica_that_is_not_ready_gets_none_until_it_is_again()
    {
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Replicas[0].IsReady = false;
        await gateway.WaitUntilWellAsync(1);

        for (var i = 0; i < 20; i++)
        {
            (await gateway.AskAsync()).ShouldBe("things-2");
        }

        gateway.Replicas[0].IsReady = true;
        await Poll.UntilAsync(async () => await gateway.AskAsync() == "things-1", "the first replica to be asked again");
    }

    [Fact]
    public async Task Where_nobody_is_ready_everybody_is_asked()
    {
        await using var gateway = await RunningGateway.StartAsync();
        foreach (var replica in gateway.Replicas)
        {
            replica.IsReady = false;
        }

        await gateway.WaitUntilWellAsync(0);
        (await gateway.AskAsync()).ShouldStartWith("things-");
    }

    [Fact]
    public async Task A_dead_replica_costs_no_request_and_is_asked_again_when_it_is_back()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.Replicas[0].DieAsync();
        for (var i = 0; i < 20; i++)
        {
            (await gateway.AskAsync(HttpMethod.Post)).ShouldBe("things-2");
        }

        await gateway.Replicas[0].StartAsync();
        await Poll.UntilAsync(async () => await gateway.AskAsync() == "things-1", "the first replica to be asked again");
    }

    [Fact]
    public async Task Once_it_is_found_out_a_dead_replica_is_not_even_tried()
    {
        await using var gateway = await RunningGateway.StartAsync(settings: new Dictionary<string, string> { ["Gateway:Rest"] = "00:10:00" });
        var deaths = 0;
        gateway.Replicas[0].Work = context =>
        {
            Interlocked.Increment(ref deaths);
            context.Abort();
            return Task.CompletedTask;
        };

        for (var i = 0; i < 40; i++)
        {
            (await gateway.AskAsync()).ShouldBe("things-2");
        }

        deaths.ShouldBe(1);
    }

    [Fact]
    public async Task A_safe_request_whose_replica_dies_under_it_is_answered_by_another()
    {
        await using var gateway = await RunningGateway.StartAsync();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        gateway.Replicas[0].Work = async context =>
        {
            arrived.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };
        var asked = new List<Task<string>>();
        await Poll.UntilAsync(
            () =>
            {
                asked.Add(gateway.AskAsync());
                return arrived.Task.IsCompleted;
            },
            "a request to be under way at the first replica");
        await gateway.Replicas[0].DieAsync();

        (await Task.WhenAll(asked)).ShouldAllBe(answer => answer == "things-2");
    }

    [Theory]
    [InlineData("POST", null)]
    [InlineData("POST", "{}")]
    [InlineData("PUT", "{}")]
    [InlineData("DELETE", null)]
    [InlineData("PATCH", "{}")]
    public async Task Any_other_request_is_never_sent_twice(string method, string? body)
    {
        await using var gateway = await RunningGateway.StartAsync();
        for (var i = 0; i < 20; i++)
        {
            await gateway.AskAsync();        // connections that were used before, which .NET would repeat a request on by itself
        }

        var effects = 0;
        foreach (var replica in gateway.Replicas)
        {
            replica.Work = context =>
            {
                Interlocked.Increment(ref effects);
                context.Abort();
                return Task.CompletedTask;
            };
        }

        using var request = new HttpRequestMessage(new HttpMethod(method), "/work");
        if (body is not null)
        {
            request.Content = new StringContent(body);
        }

        using var answer = await gateway.Client.SendAsync(request);
        effects.ShouldBe(1);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await ProblemOf(answer)).GetProperty("type").GetString().ShouldBe("urn:problem:outcome_unknown");
    }

    [Fact]
    public async Task When_nobody_is_there_the_answer_is_a_problem_that_says_when_to_come_again()
    {
        await using var gateway = await RunningGateway.StartAsync();
        foreach (var replica in gateway.Replicas)
        {
            await replica.DieAsync();
        }

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            using var request = new HttpRequestMessage(method, "/work") { Headers = { { "Accept", "text/html" } } };
            using var answer = await gateway.Client.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            answer.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
            var problem = await ProblemOf(answer);
            problem.GetProperty("status").GetInt32().ShouldBe(503);
            problem.GetProperty("instance").GetString().ShouldBe("/work");
            problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        }
    }

    [Fact]
    public async Task What_is_not_answered_in_time_ends()
    {
        await using var gateway = await RunningGateway.StartAsync(
            replicas: 1, settings: new Dictionary<string, string> { ["Gateway:RequestTimeout"] = "00:00:00.5" });
        gateway.Replicas[0].Work = context => Task.Delay(Timeout.Infinite, context.RequestAborted);

        using var answer = await gateway.Client.GetAsync("/work");
        answer.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        (await ProblemOf(answer)).GetProperty("status").GetInt32().ShouldBe(504);
    }

    [Fact]
    public async Task A_body_over_the_limit_goes_nowhere()
    {
        await using var gateway = await RunningGateway.StartAsync(settings: new Dictionary<string, string> { ["Gateway:MaxBodySize"] = "2048" });
        using var answer = await gateway.Client.PostAsync("/work", new ByteArrayContent(new byte[3000]));

        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await ProblemOf(answer)).GetProperty("type").GetString().ShouldBe("urn:problem:body_too_large");
        gateway.Replicas.ShouldAllBe(r => r.Got.Count == 0);
    }

    [Fact]
    public async Task A_body_that_says_no_length_ends_at_the_limit()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1, settings: new Dictionary<string, string> { ["Gateway:MaxBodySize"] = "2048" });
        var effects = 0;
        gateway.Replicas[0].Work = async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            Interlocked.Increment(ref effects);
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/work") { Content = new ByteArrayContent(new byte[3000]) };
        request.Headers.TransferEncodingChunked = true;
        using var answer = await gateway.Client.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await ProblemOf(answer)).GetProperty("type").GetString().ShouldBe("urn:problem:body_too_large");
        effects.ShouldBe(0);
    }

    [Fact]
    public async Task A_name_stands_for_whoever_the_name_server_knows()
    {
        var replica = await new Replica("named").StartAsync();
        await using var _ = replica;
        await using var gateway = await RunningGateway.StartAsync(replicas: 0, addresses: [$"http://localhost:{replica.Port}", "http://nobody.invalid:81"]);

        for (var i = 0; i < 5; i++)
        {
            (await gateway.AskAsync(HttpMethod.Post)).ShouldBe("named");
        }
    }

    [Fact]
    public async Task A_replica_whose_certificate_nobody_vouches_for_gets_none()
    {
        using var certificate = SelfSigned(IPAddress.Loopback);
        await using var stranger = await new Replica("stranger") { Certificate = certificate }.StartAsync();
        await using var gateway = await RunningGateway.StartAsync(replicas: 0, addresses: [stranger.Address]);

        using var answer = await gateway.Client.GetAsync("/work");

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        stranger.Got.ShouldBeEmpty();
    }

    /// <remarks>The authorities that a process trusts are read once, at its start: whom it trusts beside its replicas cannot be said in here.</remarks>
    [Theory]
    [InlineData("127.0.0.1", SslPolicyErrors.None, true)]
    [InlineData("127.0.0.1", SslPolicyErrors.RemoteCertificateNameMismatch, true)]
    [InlineData("127.0.0.1", SslPolicyErrors.RemoteCertificateChainErrors, false)]
    [InlineData("10.0.0.1", SslPolicyErrors.None, false)]
    [InlineData("10.0.0.1", SslPolicyErrors.RemoteCertificateNameMismatch, false)]
    public void A_certificate_is_good_that_is_trusted_and_has_the_name_of_a_replica(string name, SslPolicyErrors errors, bool isGood)
    {
        using var certificate = SelfSigned(IPAddress.Parse(name));

        Connections.IsOneOf(["127.0.0.1", "127.0.0.2"], certificate, errors).ShouldBe(isGood);
        Connections.IsOneOf(["127.0.0.1", "127.0.0.2"], null, errors).ShouldBeFalse();
    }

    private static X509Certificate2 SelfSigned(IPAddress address)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stranger", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    private static async Task<JsonElement> ProblemOf(HttpResponseMessage answer)
    {
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
