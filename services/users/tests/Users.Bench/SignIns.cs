using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Chassis.Testing;
using Chassis.Web;
using Microsoft.Extensions.DependencyInjection;
using Users.Passwords;

namespace Users.Bench;

/// <summary>The users service, with somebody who has an account.</summary>
internal sealed class SignIns : ServiceFixture<Program>
{
    private const string Password = "correct horse battery staple";

    private readonly string _email = $"bench.{Guid.NewGuid():n}@example.com";
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private HttpClient? _client;
    private string _token = "";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _client = Anonymous();
        await Poll.UntilAsync(
            async () => (await _client.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode, "users to be ready", TimeSpan.FromMinutes(1));
        using var registered = await _client.PostAsJsonAsync("/v1/users", new { _email, password = Password, fullName = "Bench" });
        registered.EnsureSuccessStatusCode();
        _token = await SignInAsync(_email) ?? throw new InvalidOperationException("The account cannot sign in.");
    }

    public override async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        _key.Dispose();
        await base.DisposeAsync();
    }

    /// <summary>What every validation has to do: one ES256 signature of a text as long as the token. In microseconds, the median.</summary>
    public double BareSignature(int times)
    {
        var data = RandomNumberGenerator.GetBytes(_token.LastIndexOf('.'));
        var signature = _key.SignData(data, HashAlgorithmName.SHA256);
        var took = new List<double>(times);
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            if (!_key.VerifyData(data, signature, HashAlgorithmName.SHA256))
            {
                throw new InvalidOperationException("The signature does not hold.");
            }

            took.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return Median(took);
    }

    /// <summary>An access token, from its text to the caller. In microseconds, the median.</summary>
    public async Task<double> ValidationAsync(int times)
    {
        var validator = Services.GetRequiredService<TokenValidator>();
        var took = new List<double>(times);
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await validator.ValidateAsync(_token, default);
            took.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return Median(took);
    }

    /// <summary>One password, hashed. In milliseconds, the median.</summary>
    public Task<double> HashAsync(int times) => MillisecondsAsync(times, () => Services.GetRequiredService<PasswordVault>().HashAsync(Password, default));

    /// <summary>A sign-in over HTTP in process, with its session, its tokens and its line in the audit. In milliseconds, the median.</summary>
    public Task<double> KnownAsync(int times) =>
        MillisecondsAsync(times, async () => _ = await SignInAsync(_email) ?? throw new InvalidOperationException("The sign-in failed."));

    /// <summary>The same for an address that nobody has.</summary>
    public Task<double> UnknownAsync(int times) => MillisecondsAsync(times, async () => _ = await SignInAsync($"{Guid.NewGuid():n}@example.com"));

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Logging:LogLevel:Default"] = "Error";
        settings["Authentication:Authority"] = "http://localhost";
        settings["Users:MasterSecret"] = "the-master-secret-of-this-bench-alone";
    }

    private async Task<string?> SignInAsync(string name)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "password", ["username"] = name, ["password"] = Password,
        });
        using var answer = await _client!.PostAsync(new Uri("/connect/token", UriKind.Relative), form);
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString() : null;
    }

    private static async Task<double> MillisecondsAsync(int times, Func<Task> work)
    {
        var took = new List<double>(times);
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await work();
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return Median(took);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
