using System.Net;
using System.Text.Json;
using Chassis.Redis;
using Chassis.Testing;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Users.Tests;

/// <summary>
/// Guesses at a password are counted at all replicas together, in the database: what keeps guessers out must not be lost with a Redis that is started anew.
/// </summary>
public sealed class SharedThrottleTests : IAsyncLifetime
{
    private const int Failures = 6;

    private readonly Replicated _users = new();
    private WebApplicationFactory<Program>? _other;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _users.InitializeAsync();
        _other = await _users.StartReplicaAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await (_other?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _users.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Guesses_at_two_replicas_are_as_many_as_at_one_with_Redis_and_without(bool redis)
    {
        await UntilRedisIs(up: true);
        if (!redis)
        {
            _users.Line.Cut();
            await UntilRedisIs(up: false);
        }

        var account = await _users.RegisterAsync();
        using var here = _users.Anonymous();
        using var there = _other!.CreateClient();
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < Failures + 2; i++)
        {
            answers.Add(await GuessAsync(i % 2 == 0 ? here : there, account.Email));
        }

        answers.ShouldBe([
            .. Enumerable.Repeat(HttpStatusCode.BadRequest, Failures), HttpStatusCode.TooManyRequests, HttpStatusCode.TooManyRequests]);
    }

    private static async Task<HttpStatusCode> GuessAsync(HttpClient client, string email)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "password", ["username"] = email, ["password"] = $"guess {Guid.NewGuid()}",
        });
        using var answer = await client.PostAsync("/connect/token", form, Token);
        JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Token)).ValueKind.ShouldBe(JsonValueKind.Object);
        return answer.StatusCode;
    }

    private Task UntilRedisIs(bool up) => Poll.UntilAsync(
        () => new[] { _users.Services, _other!.Services }.All(s => s.GetRequiredService<RedisLink>() is { Since: not null } link && link.IsUp == up),
        $"Redis to be {(up ? "there" : "away")}");

    private sealed class Replicated : UsersFixture
    {
        public RedisLine Line { get; private set; } = null!;

        public override async ValueTask InitializeAsync()
        {
            Line = new RedisLine();
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await (Line?.DisposeAsync() ?? ValueTask.CompletedTask);
            GC.SuppressFinalize(this);
        }

        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Redis:Connection"] = Line.Connection;
            settings["Users:Throttle:AccountFailures"] = $"{Failures}";
        }
    }
}
