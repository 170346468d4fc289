using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Chassis.Testing;

namespace Chassis.Web.Tests;

/// <summary>Forged, twisted and stale tokens. Each must be 401, and none may be told apart from the others by anything but a reason.</summary>
public sealed class No_forged_token_gets_in(SampleService service) : IClassFixture<SampleService>
{
    private static readonly long Now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    public static TheoryData<string> Attacks => [.. Forgeries.Keys];

    private static Dictionary<string, Func<TestTokens, string>> Forgeries { get; } = new()
    {
        ["alg none without a signature"] = t => Unsigned(t, "none", ""),
        ["alg None in another spelling"] = t => Unsigned(t, "nOnE", ""),
        ["alg none with some signature"] = t => Unsigned(t, "none", TestTokens.Encode("signature")),
        ["HS256 keyed with the public key"] = t => Hmac(t, "HS256", Encoding.UTF8.GetBytes(t.PublicJwk().ToJsonString())),
        ["HS256 keyed with the public key as PEM"] = t => Hmac(t, "HS256", Encoding.UTF8.GetBytes(t.Key.ExportSubjectPublicKeyInfoPem())),
        ["HS512 with an empty key"] = t => Hmac(t, "HS512", []),
        ["ES384 in the header"] = t => t.Sign(Header(t, alg: "ES384"), Payload()),
        ["RS256 in the header, EC key"] = t => t.Sign(Header(t, alg: "RS256"), Payload()),
        ["PS256 in the header"] = t => t.Sign(Header(t, alg: "PS256"), Payload()),
        ["no algorithm"] = t => t.Sign(Header(t, remove: "alg"), Payload()),
        ["algorithm is a number"] = t => t.Sign(Header(t, change: h => h["alg"] = 256), Payload()),
        ["another issuer"] = t => t.Sign(Header(t), Payload(p => p["iss"] = "https://evil.test")),
        ["issuer as a prefix"] = t => t.Sign(Header(t), Payload(p => p["iss"] = TestTokens.Issuer + ".evil.test")),
        ["no issuer"] = t => t.Sign(Header(t), Payload(p => p.Remove("iss"))),
        ["another audience"] = t => t.Sign(Header(t), Payload(p => p["aud"] = "bank")),
        ["audiences without ours"] = t => t.Sign(Header(t), Payload(p => p["aud"] = new JsonArray("bank", "another"))),
        ["no audience"] = t => t.Sign(Header(t), Payload(p => p.Remove("aud"))),
        ["expired beyond the skew"] = t => t.Sign(Header(t), Payload(p => p["exp"] = Now - 120)),
        ["no expiry"] = t => t.Sign(Header(t), Payload(p => p.Remove("exp"))),
        ["expiry as a string"] = t => t.Sign(Header(t), Payload(p => p["exp"] = "9999999999")),
        ["expiry out of range"] = t => t.Sign(Header(t), Payload(p => p["exp"] = 1e300)),
        ["not valid yet"] = t => t.Sign(Header(t), Payload(p => p["nbf"] = Now + 600)),
        ["issued in the future"] = t => t.Sign(Header(t), Payload(p => p["iat"] = Now + 600)),
        ["unknown key id"] = t => t.Sign(Header(t, kid: "somebody-else"), Payload()),
        ["no key id"] = t => t.Sign(Header(t, remove: "kid"), Payload()),
        ["key id as a path"] = t => t.Sign(Header(t, kid: "../../../dev/null"), Payload()),
        ["key id as SQL"] = t => t.Sign(Header(t, kid: "x' OR '1'='1"), Payload()),
        ["embedded jwk"] = t => ForeignKey(t, (h, key) => h["jwk"] = TestTokens.Jwk("mine", key)),
        ["jku of the attacker"] = t => ForeignKey(t, (h, _) => h["jku"] = "https://evil.test/jwks"),
        ["x5c of the attacker"] = t => ForeignKey(t, (h, _) => h["x5c"] = new JsonArray("MIIB")),
        ["critical extension"] = t => t.Sign(Header(t, change: h => h["crit"] = new JsonArray("exp")), Payload()),
        ["typ of an ID token"] = t => t.Sign(Header(t, typ: "JWT"), Payload()),
        ["typ of a logout token"] = t => t.Sign(Header(t, typ: "logout+jwt"), Payload()),
        ["no typ"] = t => t.Sign(Header(t, remove: "typ"), Payload()),
        ["no subject"] = t => t.Sign(Header(t), Payload(p => p.Remove("sub"))),
        ["blank subject"] = t => t.Sign(Header(t), Payload(p => p["sub"] = " ")),
        ["signed by another key under our key id"] = t => ForeignKey(t, (_, _) => { }),
        ["role changed after signing"] = t => Splice(t, Payload(p => p["role"] = "operator")),
        ["signature of all zeros"] = t => Valid(t)[..(Valid(t).LastIndexOf('.') + 1)] + Zeros(64),
        ["signature as DER"] = t => WithSignature(t, content => t.Key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)),
        ["truncated signature"] = t => Valid(t)[..^10],
        ["signature with padding"] = t => Valid(t) + "==",
        ["two parts"] = t => Valid(t)[..Valid(t).LastIndexOf('.')],
        ["four parts"] = t => Valid(t) + ".e30",
        ["five parts, as if encrypted"] = t => Valid(t) + ".e30.e30",
        ["not base64"] = t => "!!." + Valid(t)[(Valid(t).IndexOf('.') + 1)..],
        ["header is not JSON"] = t => TestTokens.Encode("hello") + Valid(t)[Valid(t).IndexOf('.')..],
        ["header is an array"] = t => TestTokens.Encode("[]") + Valid(t)[Valid(t).IndexOf('.')..],
        ["a member twice"] = t => Twice(t),
        ["oversized"] = t => t.Sign(Header(t), Payload(p => p["filler"] = new string('x', 9000))),
        ["empty"] = _ => "",
        ["dots"] = _ => "..",
    };

    /// <summary>
    /// Also where everybody may call: taken for nobody there, an operator whose token has just expired would register customers of no tenant.
    /// </summary>
    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task It_is_401_also_where_everybody_may_call(string attack)
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {Forgeries[attack](service.Tokens)}");
        foreach (var path in (string[])["/things/caller", "/things/open"])
        {
            using var answer = await client.GetAsync(path, TestContext.Current.CancellationToken);

            answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized, path);
            answer.Headers.WwwAuthenticate.ToString().ShouldContain("invalid_token");
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        }
    }

    [Fact]
    public async Task It_does_not_matter_to_whoever_asks_for_the_health()
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer of a proxy");
        using var answer = await client.GetAsync("/health/live", TestContext.Current.CancellationToken);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer")]
    [InlineData("bearertoken")]
    public async Task Nor_does_another_scheme(string authorization)
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await client.GetAsync("/things/caller", TestContext.Current.CancellationToken);

        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Nor_a_token_in_the_query_or_in_a_cookie()
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.Add("Cookie", $"access_token={Valid(service.Tokens)}");
        using var answer = await client.GetAsync($"/things/caller?access_token={Valid(service.Tokens)}", TestContext.Current.CancellationToken);

        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("ES256, as the issuer makes them")]
    [InlineData("expired within the skew")]
    [InlineData("audience in a list")]
    [InlineData("long typ")]
    public async Task A_good_one_does(string kind)
    {
        var tokens = service.Tokens;
        var token = kind switch
        {
            "expired within the skew" => tokens.Sign(Header(tokens), Payload(p => p["exp"] = Now - 30)),
            "audience in a list" => tokens.Sign(Header(tokens), Payload(p => p["aud"] = new JsonArray("bank", "shop"))),
            "long typ" => tokens.Sign(Header(tokens, typ: "application/at+jwt"), Payload()),
            _ => Valid(tokens),
        };
        using var client = service.Client(token);
        (await client.GetAsync("/things/caller", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    internal static JsonObject Header(
        TestTokens tokens, string alg = "ES256", string typ = "at+jwt", string? kid = null, string? remove = null, Action<JsonObject>? change = null)
    {
        var header = new JsonObject { ["alg"] = alg, ["typ"] = typ, ["kid"] = kid ?? tokens.KeyId };
        if (remove is not null)
        {
            header.Remove(remove);
        }

        change?.Invoke(header);
        return header;
    }

    internal static JsonObject Payload(Action<JsonObject>? change = null)
    {
        var payload = new JsonObject
        {
            ["iss"] = TestTokens.Issuer, ["aud"] = TestTokens.Audience, ["sub"] = Guid.NewGuid().ToString(), ["iat"] = Now, ["exp"] = Now + 600, ["role"] = "customer",
        };
        change?.Invoke(payload);
        return payload;
    }

    private static string Valid(TestTokens tokens) => tokens.Sign(Header(tokens), Payload());

    internal static string Assemble(JsonObject header, JsonObject payload, Func<byte[], byte[]> sign)
    {
        var content = $"{TestTokens.Encode(header.ToJsonString())}.{TestTokens.Encode(payload.ToJsonString())}";
        return $"{content}.{System.Buffers.Text.Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(content)))}";
    }

    private static string Unsigned(TestTokens tokens, string alg, string signature) =>
        $"{TestTokens.Encode(Header(tokens, alg).ToJsonString())}.{TestTokens.Encode(Payload().ToJsonString())}.{signature}";

    private static string Hmac(TestTokens tokens, string alg, byte[] key) =>
        Assemble(Header(tokens, alg), Payload(), c => alg == "HS256" ? HMACSHA256.HashData(key, c) : HMACSHA512.HashData(key, c));

    private static string ForeignKey(TestTokens tokens, Action<JsonObject, ECDsa> change)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var header = Header(tokens);
        change(header, key);
        return Assemble(header, Payload(), c => key.SignData(c, HashAlgorithmName.SHA256));
    }

    private static string Splice(TestTokens tokens, JsonObject payload)
    {
        var parts = Valid(tokens).Split('.');
        return $"{parts[0]}.{TestTokens.Encode(payload.ToJsonString())}.{parts[2]}";
    }

    private static string WithSignature(TestTokens tokens, Func<byte[], byte[]> sign) => Assemble(Header(tokens), Payload(), sign);

    private static string Zeros(int length) => System.Buffers.Text.Base64Url.EncodeToString(new byte[length]);

    private static string Twice(TestTokens tokens)
    {
        var payload = Payload().ToJsonString();
        var content = $"{TestTokens.Encode(Header(tokens).ToJsonString())}.{TestTokens.Encode(payload[..^1] + ",\"role\":\"operator\"}")}";
        return $"{content}.{System.Buffers.Text.Base64Url.EncodeToString(tokens.Key.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256))}";
    }
}
