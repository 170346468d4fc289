using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace Chassis.Web;

public static class SigningAlgorithms
{
    /// <summary>ECDSA on P-256 with SHA-256.</summary>
    public const string ES256 = "ES256";

    /// <summary>RSA PKCS#1 v1.5 with SHA-256, for identity providers that have nothing better.</summary>
    public const string RS256 = "RS256";
}

/// <summary>Where the public keys of the token issuer come from.</summary>
public interface ISigningKeySource
{
    /// <summary>The key with this id, or null when the issuer has none of that name.</summary>
    /// <exception cref="ProblemException">503 when the issuer cannot be asked and nothing is known from before.</exception>
    ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken ct);
}

/// <summary>One public key of the issuer.</summary>
public sealed class VerificationKey
{
    private readonly Func<AsymmetricAlgorithm> _open;

    // The framework does not promise that an instance can be used by several threads at once.
    private readonly ConcurrentBag<AsymmetricAlgorithm> _idle = [];

    private VerificationKey(string keyId, string algorithm, Func<AsymmetricAlgorithm> open)
    {
        (KeyId, Algorithm, this._open) = (keyId, algorithm, open);
        _idle.Add(open());
    }

    public string KeyId { get; }

    public string Algorithm { get; }

    public static VerificationKey FromEllipticCurve(string keyId, ECPoint point) => new(
        keyId, SigningAlgorithms.ES256, () => ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point }));

    public static VerificationKey FromRsa(string keyId, RSAParameters parameters) => new(keyId, SigningAlgorithms.RS256, () => RSA.Create(parameters));

    /// <summary>Reads a JWKS. Keys that we would not use (other curves, short RSA keys, encryption keys) are left out.</summary>
    public static Dictionary<string, VerificationKey> ReadSet(JsonElement set)
    {
        var result = new Dictionary<string, VerificationKey>(StringComparer.Ordinal);
        foreach (var jwk in set.GetProperty("keys").EnumerateArray())
        {
            if (Read(jwk) is { } key)
            {
                result[key.KeyId] = key;
            }
        }

        return result;
    }

    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        var key = _idle.TryTake(out var rented) ? rented : _open();
        try
        {
            return key switch
            {
                ECDsa ec => signature.Length == 64 && ec.VerifyData(data, signature, HashAlgorithmName.SHA256),
                RSA rsa => rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
                _ => false,
            };
        }
        finally
        {
            _idle.Add(key);
        }
    }

    private static VerificationKey? Read(JsonElement jwk)
    {
        if (Text(jwk, "kid") is not { Length: > 0 } keyId || Text(jwk, "use") is not (null or "sig"))
        {
            return null;
        }

        try
        {
            switch (Text(jwk, "kty"), Text(jwk, "crv"), Text(jwk, "alg"))
            {
                case ("EC", "P-256", null or SigningAlgorithms.ES256):
                    return FromEllipticCurve(keyId, new ECPoint { X = Bytes(jwk, "x"), Y = Bytes(jwk, "y") });
                case ("RSA", _, null or SigningAlgorithms.RS256) when Bytes(jwk, "n") is { Length: >= 256 } modulus:
                    return FromRsa(keyId, new RSAParameters { Modulus = modulus, Exponent = Bytes(jwk, "e") });
                default:
                    return null;
            }
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[] Bytes(JsonElement jwk, string name) => Base64Url.DecodeFromChars(Text(jwk, name) ?? throw new FormatException(name));
}
