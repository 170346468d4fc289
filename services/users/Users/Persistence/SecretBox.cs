using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Users.Persistence;

/// <summary>Encrypts what lies in the database and must not be readable from a copy of it. AES-256-GCM with keys derived from the master secret.</summary>
public sealed class SecretBox(IOptions<UsersSettings> settings)
{
    private readonly byte[] master = Encoding.UTF8.GetBytes(settings.Value.MasterSecret);

    /// <summary>A key of this installation for one purpose.</summary>
    public byte[] KeyFor(string purpose) => HKDF.DeriveKey(HashAlgorithmName.SHA256, master, 32, info: Encoding.UTF8.GetBytes(purpose));

    public byte[] Wrap(string purpose, ReadOnlySpan<byte> secret) => Seal(KeyFor(purpose), secret);

    /// <exception cref="CryptographicException">The master secret is not the one that it was wrapped with.</exception>
    public byte[] Unwrap(string purpose, ReadOnlySpan<byte> wrapped) => Open(KeyFor(purpose), wrapped);

    /// <returns>Nonce, tag and ciphertext.</returns>
    public static byte[] Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plaintext)
    {
        var result = new byte[12 + 16 + plaintext.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, 12));
        using var aes = new AesGcm(key, 16);
        aes.Encrypt(result.AsSpan(0, 12), plaintext, result.AsSpan(28), result.AsSpan(12, 16));
        return result;
    }

    /// <exception cref="CryptographicException">It was not sealed with this key, or is no box at all.</exception>
    public static byte[] Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> sealedBytes)
    {
        if (sealedBytes.Length < 28)
        {
            throw new CryptographicException("This is too short for a box.");
        }

        var plaintext = new byte[sealedBytes.Length - 28];
        using var aes = new AesGcm(key, 16);
        aes.Decrypt(sealedBytes[..12], sealedBytes[28..], sealedBytes.Slice(12, 16), plaintext);
        return plaintext;
    }
}
