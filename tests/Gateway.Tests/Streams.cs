namespace Gateway.Tests;

public sealed class Streams
{
    private static readonly Dictionary<string, string> Impatient = new() { ["Gateway:RequestTimeout"] = "00:00:00.5" };

    [Fact]
    public async Task An_event_arrives_when_it_is_said_and_no_time_out_cuts_the_stream()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1, Impatient);
        using var answer = await gateway.Client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());

        for (var i = 1; i <= 3; i++)
        {
            await gateway.Replicas[0].Events.Writer.WriteAsync($"event {i}");
            (await reader.ReadLineAsync()).ShouldBe($"data: event {i}");      // the next one is said after this one was read
            (await reader.ReadLineAsync()).ShouldBe("");
            await Task.Delay(TimeSpan.FromSeconds(0.7));                      // silent for longer than any other request may take
        }
    }

    [Fact]
    public async Task A_reader_who_leaves_leaves_the_replica_too()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1);
        using (await gateway.Client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead))
        {
        }

        await gateway.Replicas[0].ReaderLeft.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_gateway_that_stops_finishes_its_requests_and_holds_no_reader()
    {
        await using var gateway = await RunningGateway.StartAsync(replicas: 1);
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        gateway.Replicas[0].Work = async context =>
        {
            arrived.SetResult();
            await go.Task;
            await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, "done");
        };
        using var stream = await gateway.Client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        var asked = gateway.AskAsync(HttpMethod.Post);
        await arrived.Task;
        var stopping = gateway.StopAsync();

        await Should.ThrowAsync<Exception>(() => stream.Content.ReadAsStringAsync().WaitAsync(TimeSpan.FromMinutes(1)));
        stopping.IsCompleted.ShouldBeFalse();
        go.SetResult();
        (await asked).ShouldBe("done");
        await stopping;
    }
}
