using System.Security.Cryptography;
using Chassis.Data;

namespace Users.Persistence;

/// <summary>What of this service lies sealed in its database (<see cref="Envelope"/>), and what is sealed there under a user's own key.</summary>
public static class SecretBox
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    /// <summary>The users' data keys, under which their histories are sealed.</summary>
    public static readonly SealedColumn DataKeys = Column("user_keys", "user_id", "wrapped_key", "users.data-key");

    public static readonly SealedColumn SecondFactors = Column("second_factors", "user_id", "secret", "users.second-factor");

    public static readonly SealedColumn SigningKeys = Column("signing_keys", "key_id", "private_key", "users.signing-key");

    /// <returns>Nonce, tag and ciphertext.</returns>
    public static byte[] Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plaintext)
    {
        var result = new byte[NonceSize + TagSize + plaintext.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, NonceSize));
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(result.AsSpan(0, NonceSize), plaintext, result.AsSpan(NonceSize + TagSize), result.AsSpan(NonceSize, TagSize));
        return result;
    }

    /// <exception cref="CryptographicException">It was not sealed with this key, or is no box at all.</exception>
    public static byte[] Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> sealedBytes)
    {
        if (sealedBytes.Length < NonceSize + TagSize)
        {
            throw new CryptographicException("This is too short for a box.");
        }

        var plaintext = new byte[sealedBytes.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(sealedBytes[..NonceSize], sealedBytes[(NonceSize + TagSize)..], sealedBytes.Slice(NonceSize, TagSize), plaintext);
        return plaintext;
    }

    private static SealedColumn Column(string table, string row, string box, string purpose) =>
        new(table, row, box, purpose, (envelope, stored) => OpenNameless(envelope, purpose, stored));

    /// <summary>Versions before the envelope left a box that names neither its format nor its master secret.</summary>
    private static byte[] OpenNameless(Envelope envelope, string purpose, byte[] stored)
    {
        foreach (var key in envelope.KeysFor(purpose))
        {
            try
            {
                return Open(key, stored);
            }
            catch (AuthenticationTagMismatchException)
            {
                // Another one's.
            }
        }

        throw new CryptographicException("Sealed with a master secret that is neither Users:MasterSecret nor one of Users:FormerSecrets.");
    }
}
