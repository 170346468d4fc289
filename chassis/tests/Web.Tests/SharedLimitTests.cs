using System.Net;
using System.Text.Json;
using Chassis.Redis;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Chassis.Web.Tests;

/// <summary>Two replicas of a service, each with a line of its own to the Redis that they share.</summary>
public sealed class SharedLimitTests : IAsyncLifetime
{
    private const int Permits = 10;

    private readonly TestTokens _tokens = new();
    private RedisLine _lineOfOne = null!;
    private RedisLine _lineOfOther = null!;
    private SampleService _one = null!;
    private SampleService _other = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _lineOfOne = new RedisLine();
        _lineOfOther = new RedisLine();
        _one = await StartAsync(_lineOfOne);
        _other = await StartAsync(_lineOfOther);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in new[] { _one, _other })
        {
            await (replica?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        foreach (var line in new[] { _lineOfOne, _lineOfOther })
        {
            await (line?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    [Fact]
    public async Task A_caller_has_so_many_requests_at_all_replicas_together_and_is_told_what_is_left()
    {
        await UntilRedisIs(up: true);
        var (here, there) = Callers();

        var left = new List<string>();
        for (var i = 0; i < Permits; i++)
        {
            using var answer = await (i % 2 == 0 ? here : there).GetAsync("/things/caller", Token);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            left.Add(answer.Headers.GetValues("RateLimit").Single().Split(';')[1]);
        }

        left.ShouldBe(Enumerable.Range(0, Permits).Reverse().Select(n => $"r={n}"));
        await Refused(here);
        await Refused(there);
        using var somebodyElse = _one.Client(_tokens.For(Guid.CreateVersion7().ToString()));
        (await somebodyElse.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_is_costly_is_counted_together_as_well()
    {
        await UntilRedisIs(up: true);
        var (here, there) = Callers();
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 8; i++)
        {
            answers.Add((await (i % 2 == 0 ? here : there).GetAsync("/things/costly", Token)).StatusCode);
        }

        // A new minute may have begun between two of them.
        answers.Count(a => a == HttpStatusCode.OK).ShouldBeInRange(3, 6);
    }

    [Fact]
    public async Task A_hundred_at_once_are_let_in_as_often_as_one_after_the_other()
    {
        await UntilRedisIs(up: true);
        var (here, there) = Callers();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => (i % 2 == 0 ? here : there).GetAsync("/things/caller", Token)));

        // Redis that takes longer than its time-out counts as away, and then each replica lets in its own.
        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBeInRange(Permits, 2 * Permits);
        if (_one.Services.GetRequiredService<RedisLink>().IsUp && _other.Services.GetRequiredService<RedisLink>().IsUp)
        {
            answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(Permits);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_Redis_is_away_each_replica_counts_for_itself_and_goes_on_from_what_it_has_let_in(bool silently)
    {
        await UntilRedisIs(up: true);
        var (here, there) = Callers();
        for (var i = 0; i < 4; i++)
        {
            (await here.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        foreach (var line in new[] { _lineOfOne, _lineOfOther })
        {
            (silently ? (Action)line.Silence : line.Cut)();
        }

        await UntilRedisIs(up: false);
        (await LetIn(here)).ShouldBe(Permits - 4);
        (await LetIn(there)).ShouldBe(Permits);
        (await Health(_one)).ShouldBe(("degraded", HttpStatusCode.OK));
        Said("redis.away").ShouldBe(1, "once, and not at every request");

        _lineOfOne.Mend();
        _lineOfOther.Mend();
        await UntilRedisIs(up: true);
        (await Health(_one)).ShouldBe(("healthy", HttpStatusCode.OK));
        Said("redis.back").ShouldBe(1);
    }

    [Fact]
    public async Task No_request_waits_for_a_Redis_that_is_known_to_be_away()
    {
        await UntilRedisIs(up: true);
        var link = _one.Services.GetRequiredService<RedisLink>();
        _lineOfOne.Silence();
        await Poll.UntilAsync(() => !link.IsUp, "it to be noticed");

        var asked = 0;
        (await link.TryAsync(_ => Task.FromResult(++asked))).ShouldBeNull();
        asked.ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_in_Redis_says_who_has_asked_and_everything_ends()
    {
        await UntilRedisIs(up: true);
        var somebody = Guid.CreateVersion7().ToString();
        using var client = _one.Client(_tokens.For(somebody));
        await client.GetAsync("/things/caller", Token);
        await _one.Client().GetAsync("/things/open", Token);     // by the address

        await using var redis = await ConnectionMultiplexer.ConnectAsync(TestServers.Redis);
        var keys = redis.GetServers().Single().Keys(pattern: "sample:*").ToList();
        keys.Count.ShouldBeGreaterThanOrEqualTo(2);
        keys.ShouldAllBe(k => System.Text.RegularExpressions.Regex.IsMatch(k.ToString(), "^sample:(costly-)?requests:[0-9a-f]{32}:[0-9]+$"));
        keys.ShouldNotContain(k => k.ToString().Contains(somebody, StringComparison.Ordinal));
        foreach (var key in keys)
        {
            (await redis.GetDatabase().KeyTimeToLiveAsync(key)).ShouldNotBeNull(key.ToString());
        }
    }

    private async Task<SampleService> StartAsync(RedisLine line)
    {
        var replica = new SampleService
        {
            Tokens = _tokens,
            Settings =
            {
                ["RateLimit:Permits"] = $"{Permits}",
                ["RateLimit:WindowSeconds"] = "3600",
                ["RateLimit:CostlyPerMinute"] = "3",
                ["Redis:Connection"] = line.Connection,
                ["Redis:Timeout"] = "00:00:01",     // a busy machine is not a Redis that is away
            },
        };
        await replica.InitializeAsync();
        return replica;
    }

    private (HttpClient Here, HttpClient There) Callers()
    {
        var token = _tokens.For(Guid.CreateVersion7().ToString());
        return (_one.Client(token), _other.Client(token));
    }

    private Task UntilRedisIs(bool up) => Poll.UntilAsync(
        () => new[] { _one, _other }.All(r => r.Services.GetRequiredService<RedisLink>() is { Since: not null } link && link.IsUp == up
            && (up ? Said(r, "redis.back") == Said(r, "redis.away") : Said(r, "redis.away") > 0)),
        $"Redis to be {(up ? "there" : "away")}");

    private int Said(string name) => Said(_one, name);

    private static int Said(SampleService replica, string name) =>
        replica.Log.Lines.Count(line => line.Contains(name == "redis.away" ? "Redis is away" : "Redis is back", StringComparison.Ordinal));

    private static async Task<int> LetIn(HttpClient client)
    {
        for (var count = 0; ; count++)
        {
            using var answer = await client.GetAsync("/things/caller", Token);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                return count;
            }
        }
    }

    private static async Task Refused(HttpClient client)
    {
        using var answer = await client.GetAsync("/things/caller", Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        answer.Headers.GetValues("RateLimit").Single().ShouldStartWith("\"caller\";r=0;t=");
        answer.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
    }

    private static async Task<(string Status, HttpStatusCode Code)> Health(SampleService replica)
    {
        using var client = replica.Client();
        using var answer = await client.GetAsync("/health/ready", Token);
        var body = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Token));
        return (body.GetProperty("checks").GetProperty("redis").GetProperty("status").GetString()!, answer.StatusCode);
    }
}
