namespace PaymentSandbox;

/// <summary><c>--health</c>: asks the server in the same container how it is, so that the image needs no other tool for its health check.</summary>
internal static class HealthProbe
{
    public static async Task<int> RunAsync()
    {
        var address = (Environment.GetEnvironmentVariable("ASPNETCORE_URLS") ?? "http://127.0.0.1:8090").Split(';')[0];
        var port = address.Split(':')[^1].TrimEnd('/');
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }
}
