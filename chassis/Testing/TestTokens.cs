using System.Buffers.Text;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chassis.Testing;

/// <summary>An identity provider in the test's process: it signs tokens and answers for its discovery document and keys.</summary>
public sealed class TestTokens : IDisposable
{
    public const string Issuer = "https://issuer.test";
    public const string Audience = "shop";

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Id of the only key.</summary>
    public string KeyId { get; } = "test-key";

    public ECDsa Key => _key;

    /// <summary>Switches the issuer off: discovery and keys answer 503.</summary>
    public bool Down { get; set; }

    /// <summary>What the issuer waits for before it answers; null when for nothing.</summary>
    public TaskCompletionSource? Answer { get; set; }

    /// <summary>The host that was asked for the keys.</summary>
    public string? KeysAskedOf { get; private set; }

    /// <summary>How often the keys were fetched.</summary>
    public int KeyFetches { get; private set; }

    /// <summary>Further keys to publish, as JWK.</summary>
    public IList<JsonObject> MoreKeys { get; } = [];

    /// <summary>A valid access token.</summary>
    public string For(
        string subject,
        string? role = "customer",
        string? tenant = null,
        TimeProvider? clock = null,
        int? sessionEpoch = null,
        IEnumerable<string>? permissions = null,
        Guid? sessionId = null)
    {
        var now = (clock ?? TimeProvider.System).GetUtcNow().ToUnixTimeSeconds();
        var payload = new JsonObject
        {
            ["iss"] = Issuer, ["aud"] = Audience, ["sub"] = subject, ["iat"] = now, ["exp"] = now + 3600, ["role"] = role,
        };
        if (sessionEpoch is not null)
        {
            payload["session_epoch"] = sessionEpoch;
        }

        if (role is null)
        {
            payload.Remove("role");
        }

        if (sessionId is not null)
        {
            payload["sid"] = $"{sessionId}";
        }

        if (permissions is not null)
        {
            payload["entitlements"] = new JsonArray([.. permissions.Select(p => JsonValue.Create(p))]);
        }

        if (tenant is not null)
        {
            payload["tenant"] = tenant;
        }

        return Sign(new JsonObject { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = KeyId }, payload);
    }

    /// <summary>Signs whatever it is given with the test key.</summary>
    public string Sign(JsonObject header, JsonObject payload)
    {
        var content = $"{Encode(header.ToJsonString())}.{Encode(payload.ToJsonString())}";
        var signature = _key.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256);
        return $"{content}.{Base64Url.EncodeToString(signature)}";
    }

    public JsonObject PublicJwk() => Jwk(KeyId, _key);

    /// <summary>The public half of a key as JWK.</summary>
    public static JsonObject Jwk(string keyId, ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject
        {
            ["kty"] = "EC", ["crv"] = "P-256", ["use"] = "sig", ["alg"] = "ES256", ["kid"] = keyId,
            ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y),
        };
    }

    /// <summary>Answers as the issuer does, without a network.</summary>
    public HttpMessageHandler Handler() => new FakeIssuer(this);

    public void Dispose() => _key.Dispose();

    public static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private sealed class FakeIssuer(TestTokens tokens) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await (tokens.Answer?.Task ?? Task.CompletedTask).WaitAsync(cancellationToken);
            return tokens.Down ? new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) : Answer(request.RequestUri!);
        }

        private HttpResponseMessage Answer(Uri uri)
        {
            switch (uri.AbsolutePath)
            {
                case "/.well-known/openid-configuration":
                    return Json(new JsonObject { ["issuer"] = Issuer, ["jwks_uri"] = $"{Issuer}/jwks" });
                case "/jwks":
                    tokens.KeyFetches++;
                    tokens.KeysAskedOf = uri.Host;
                    return Json(new JsonObject { ["keys"] = new JsonArray([tokens.PublicJwk(), .. tokens.MoreKeys.Select(k => k.DeepClone())]) });
                default:
                    return new HttpResponseMessage(HttpStatusCode.NotFound);
            }
        }

        private static HttpResponseMessage Json(JsonObject body) =>
            new(HttpStatusCode.OK) { Content = JsonContent.Create<JsonNode>(body, options: JsonSerializerOptions.Default) };
    }
}
