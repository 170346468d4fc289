using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Chassis.Web.Tests;

public sealed class The_issuers_keys : IDisposable
{
    private readonly TestTokens _tokens = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly IssuerKeys _keys;
    private readonly TokenValidator _validator;

    public The_issuers_keys()
    {
        var settings = Options.Create(new AuthenticationSettings { Authority = TestTokens.Issuer });
        _keys = new IssuerKeys(new Clients(_tokens), settings, _clock, NullLogger<IssuerKeys>.Instance);
        _validator = new TokenValidator(settings, _keys, _clock);
    }

    private string Token => _tokens.For("somebody", clock: _clock);

    [Fact]
    public async Task Are_fetched_once_and_kept()
    {
        for (var i = 0; i < 20; i++)
        {
            await ValidateAsync(Token);
        }

        _tokens.KeyFetches.ShouldBe(1);
    }

    [Fact]
    public async Task Are_asked_for_where_the_issuer_is_reached_whatever_it_calls_itself()
    {
        var settings = Options.Create(new AuthenticationSettings { Authority = "https://users.internal/", Issuer = TestTokens.Issuer });
        var known = new IssuerKeys(new Clients(_tokens), settings, _clock, NullLogger<IssuerKeys>.Instance);
        await new TokenValidator(settings, known, _clock).ValidateAsync(Token, TestContext.Current.CancellationToken);

        _tokens.KeysAskedOf.ShouldBe("users.internal");
    }

    [Fact]
    public async Task Are_fetched_once_for_many_callers_at_the_same_time()
    {
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ValidateAsync(Token)));

        _tokens.KeyFetches.ShouldBe(1);
    }

    [Fact]
    public async Task Are_asked_for_again_because_of_an_unknown_key_at_most_once_a_minute()
    {
        await ValidateAsync(Token);
        for (var i = 0; i < 10; i++)
        {
            await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(UnknownKey()));
        }

        _tokens.KeyFetches.ShouldBe(1);

        _clock.Advance(TimeSpan.FromSeconds(61));
        await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(UnknownKey()));
        await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(UnknownKey()));
        _tokens.KeyFetches.ShouldBe(2);
    }

    [Fact]
    public async Task May_be_rotated_while_services_run()
    {
        await ValidateAsync(Token);
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _tokens.MoreKeys.Add(TestTokens.Jwk("next", next));
        _clock.Advance(TimeSpan.FromSeconds(61));

        await ValidateAsync(No_forged_token_gets_in.Assemble(Header("next"), Payload(), c => next.SignData(c, HashAlgorithmName.SHA256)));
        await ValidateAsync(Token);
    }

    [Fact]
    public async Task Stay_in_use_while_the_issuer_is_down()
    {
        await ValidateAsync(Token);
        _tokens.Down = true;
        _clock.Advance(TimeSpan.FromHours(5));

        await ValidateAsync(Token);
    }

    [Fact]
    public async Task Are_not_used_for_ever_without_the_issuer()
    {
        await ValidateAsync(Token);
        _tokens.Down = true;
        _clock.Advance(TimeSpan.FromHours(25));

        (await Should.ThrowAsync<ProblemException>(() => ValidateAsync(Token))).Status.ShouldBe(503);
    }

    [Fact]
    public async Task Are_fetched_although_callers_hang_up()
    {
        using var old = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _tokens.MoreKeys.Add(TestTokens.Jwk("old", old));
        string Old() => No_forged_token_gets_in.Assemble(Header("old"), Payload(), c => old.SignData(c, HashAlgorithmName.SHA256));
        await ValidateAsync(Old());
        _tokens.MoreKeys.Clear();
        _clock.Advance(TimeSpan.FromMinutes(11));

        // Somebody without a token asks for an unknown key and hangs up before the issuer has answered.
        _tokens.Answer = new TaskCompletionSource();
        using var gone = new CancellationTokenSource();
        var asked = _validator.ValidateAsync(UnknownKey(), gone.Token).AsTask();
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => asked);
        _tokens.Answer.SetResult();
        _tokens.Answer = null;

        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    await ValidateAsync(Old());
                    return false;
                }
                catch (InvalidTokenException)
                {
                    return true;
                }
            },
            "the withdrawn key to count no longer");
        _tokens.KeyFetches.ShouldBe(2);
    }

    [Fact]
    public async Task Are_asked_for_again_soon_after_a_failure()
    {
        await ValidateAsync(Token);
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string Next() => No_forged_token_gets_in.Assemble(Header("next"), Payload(), c => next.SignData(c, HashAlgorithmName.SHA256));
        _tokens.MoreKeys.Add(TestTokens.Jwk("next", next));
        _tokens.Down = true;
        _clock.Advance(TimeSpan.FromSeconds(61));
        await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(Next()));

        _tokens.Down = false;
        _clock.Advance(TimeSpan.FromSeconds(5));
        await ValidateAsync(Next());
    }

    [Fact]
    public async Task That_were_never_seen_are_no_reason_to_call_a_token_bad()
    {
        _tokens.Down = true;
        var problem = await Should.ThrowAsync<ProblemException>(() => ValidateAsync(Token));
        problem.Status.ShouldBe(503);
        problem.RetryAfter.ShouldNotBeNull();

        _tokens.Down = false;
        _clock.Advance(TimeSpan.FromSeconds(2));
        await ValidateAsync(Token);
    }

    [Fact]
    public async Task That_are_withdrawn_count_for_fifteen_seconds_at_most()
    {
        using var old = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _tokens.MoreKeys.Add(TestTokens.Jwk("old", old));
        string Old() => No_forged_token_gets_in.Assemble(Header("old"), Payload(), c => old.SignData(c, HashAlgorithmName.SHA256));
        await ValidateAsync(Old());

        _tokens.MoreKeys.Clear();
        _clock.Advance(TimeSpan.FromSeconds(16));
        await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(Old()));
    }

    [Fact]
    public async Task Are_asked_for_in_the_background_while_the_issuer_is_silent()
    {
        await ValidateAsync(Token);
        _tokens.Down = true;
        _clock.Advance(TimeSpan.FromSeconds(16));
        await ValidateAsync(Token);
        _clock.Advance(TimeSpan.FromSeconds(16));
        _tokens.Down = false;
        _tokens.Answer = new TaskCompletionSource();

        await ValidateAsync(Token);
        _tokens.Answer.SetResult();
        await Poll.UntilAsync(() => _tokens.KeyFetches == 2, "the answer that nobody waited for");
    }

    [Theory]
    [InlineData("RS256 with 2048 bits", true)]
    [InlineData("RS256 with 1024 bits", false)]
    [InlineData("EC on P-384", false)]
    [InlineData("for encryption", false)]
    public async Task Are_used_only_if_they_are_of_a_kind_we_trust(string kind, bool accepted)
    {
        using var rsa = RSA.Create(kind.Contains("1024", StringComparison.Ordinal) ? 1024 : 2048);
        using var ec = ECDsa.Create(kind == "EC on P-384" ? ECCurve.NamedCurves.nistP384 : ECCurve.NamedCurves.nistP256);
        var isRsa = kind.StartsWith("RS256", StringComparison.Ordinal);
        if (isRsa)
        {
            var parameters = rsa.ExportParameters(false);
            _tokens.MoreKeys.Add(new JsonObject
            {
                ["kty"] = "RSA", ["kid"] = "other", ["n"] = Base64Url.EncodeToString(parameters.Modulus), ["e"] = Base64Url.EncodeToString(parameters.Exponent),
            });
        }
        else
        {
            var jwk = TestTokens.Jwk("other", ec);
            jwk["crv"] = kind == "EC on P-384" ? "P-384" : "P-256";
            jwk["use"] = kind == "for encryption" ? "enc" : "sig";
            _tokens.MoreKeys.Add(jwk);
        }

        var header = Header("other");
        header["alg"] = isRsa ? "RS256" : "ES256";
        var token = No_forged_token_gets_in.Assemble(header, Payload(), c => isRsa
            ? rsa.SignData(c, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : ec.SignData(c, HashAlgorithmName.SHA256));

        if (accepted)
        {
            await ValidateAsync(token);
        }
        else
        {
            await Should.ThrowAsync<InvalidTokenException>(() => ValidateAsync(token));
        }
    }

    [Theory]
    [InlineData("in other claims", false)]
    [InlineData("in the claims that the settings name", true)]
    public async Task Vouch_for_role_and_tenant_only(string where, bool accepted)
    {
        var settings = Options.Create(new AuthenticationSettings { Authority = TestTokens.Issuer, RoleClaim = "roles", TenantClaim = "organisation" });
        var payload = Payload();
        payload[accepted ? "roles" : "role"] = "operator";
        payload[accepted ? "organisation" : "tenant"] = "north";
        var caller = await new TokenValidator(settings, _keys, _clock).ValidateAsync(
            _tokens.Sign(Header(_tokens.KeyId), payload), TestContext.Current.CancellationToken);

        caller.IsInRole(Roles.Operator).ShouldBe(accepted, where);
        caller.HasClaim(Claims.Tenant, "north").ShouldBe(accepted, where);
    }

    /// <summary>A ratio of one run, since machines differ and are shared: what is around the signature costs less than the signature.</summary>
    [Fact]
    public async Task Check_a_token_in_less_than_twice_the_time_that_its_signature_takes()
    {
        var token = Token;
        var content = Encoding.ASCII.GetBytes(token[..token.LastIndexOf('.')]);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signature = key.SignData(content, HashAlgorithmName.SHA256);
        var (whole, bare) = (new List<double>(), new List<double>());
        for (var i = 0; i < 2000; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await _validator.ValidateAsync(token, CancellationToken.None);
            var between = Stopwatch.GetTimestamp();
            key.VerifyData(content, signature, HashAlgorithmName.SHA256).ShouldBeTrue();
            whole.Add(Stopwatch.GetElapsedTime(started, between).TotalMicroseconds);
            bare.Add(Stopwatch.GetElapsedTime(between).TotalMicroseconds);
        }

        var (validation, verification) = (Median(whole), Median(bare));
        TestContext.Current.SendDiagnosticMessage("Token validation: median {0:0.0} µs, of its signature alone {1:0.0} µs", validation, verification);
        (validation / verification).ShouldBeLessThan(2);

        static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
    }

    public void Dispose() => _tokens.Dispose();

    private Task<System.Security.Claims.ClaimsPrincipal> ValidateAsync(string token) =>
        _validator.ValidateAsync(token, TestContext.Current.CancellationToken).AsTask();

    private string UnknownKey() => _tokens.Sign(Header("unknown"), Payload());

    private static JsonObject Header(string keyId) => new() { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = keyId };

    private JsonObject Payload() => new()
    {
        ["iss"] = TestTokens.Issuer, ["aud"] = "shop", ["sub"] = "somebody", ["exp"] = _clock.GetUtcNow().ToUnixTimeSeconds() + 600,
    };

    private sealed class Clients(TestTokens tokens) : IHttpClientFactory
    {
        public HttpClient CreateClient(string name) => new(tokens.Handler());
    }
}
