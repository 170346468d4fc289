using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Chassis.Data;

/// <summary>What the keys of the <see cref="Envelope"/> are made of.</summary>
public sealed class SealingSettings
{
    public const string Section = "Sealing";

    /// <summary>Seals whatever is written from now on. Whoever loses it loses what was sealed with it.</summary>
    [Required, MinLength(32)]
    public string MasterSecret { get; init; } = "";

    /// <summary>Master secrets of before, which go on opening what was sealed with them; empty ones are left out.</summary>
    public string[] FormerSecrets { get; init; } = [];

    /// <summary>
    /// How long after the start, and how often from then on, what was sealed with a former secret, or not at all, is sealed anew; from 0.1 s to a week. Until
    /// then replicas with the settings, or of the version, of before can still read it.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "7.00:00:00")]
    public TimeSpan AnewAfter { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>
/// Seals what lies in a database and must not be readable in a copy of it, with a key that the database does not know.
/// A box names its format and its key, so that the master secret can be replaced; AES-256-GCM, NIST SP 800-38D.
/// </summary>
public sealed class Envelope
{
    // Version, key id, nonce, tag, ciphertext.
    private const byte Version = 1;
    private const int KeyIdAt = 1;
    private const int NonceAt = KeyIdAt + sizeof(uint);
    private const int NonceSize = 12;
    private const int TagAt = NonceAt + NonceSize;
    private const int TagSize = 16;
    private const int TextAt = TagAt + TagSize;

    private readonly uint _current;
    private readonly Dictionary<uint, byte[]> _masters = [];
    private readonly ConcurrentDictionary<(uint KeyId, string Purpose), byte[]> _keys = new();

    public Envelope(IOptions<SealingSettings> settings)
    {
        // The current one is last, and so wins should it be listed among the former ones too.
        foreach (var secret in (string[])[.. settings.Value.FormerSecrets.Where(s => s.Length > 0), settings.Value.MasterSecret])
        {
            var master = Encoding.UTF8.GetBytes(secret);
            _current = BinaryPrimitives.ReadUInt32BigEndian(Derive(master, "key id"));
            _masters[_current] = master;
        }
    }

    /// <param name="purpose">What kind of thing it is: every kind has a key of its own.</param>
    /// <param name="row">Whose it is; in another row the box does not open.</param>
    /// <param name="plain">What is sealed.</param>
    public byte[] Seal(string purpose, string row, ReadOnlySpan<byte> plain)
    {
        var box = new byte[TextAt + plain.Length];
        box[0] = Version;
        BinaryPrimitives.WriteUInt32BigEndian(box.AsSpan(KeyIdAt), _current);
        RandomNumberGenerator.Fill(box.AsSpan(NonceAt, NonceSize));
        using var aes = new AesGcm(KeyFor(purpose), TagSize);
        aes.Encrypt(box.AsSpan(NonceAt, NonceSize), plain, box.AsSpan(TextAt), box.AsSpan(TagAt, TagSize), Encoding.UTF8.GetBytes(row));
        return box;
    }

    /// <exception cref="CryptographicException">
    /// It is no box, was sealed with a master secret that the settings do not have, or for another purpose or row.
    /// </exception>
    public byte[] Open(string purpose, string row, ReadOnlySpan<byte> box)
    {
        if (box.Length < TextAt || box[0] != Version)
        {
            throw new CryptographicException("This is not a box that this version can open.");
        }

        if (!Knows(box))
        {
            throw new CryptographicException("Sealed with a master secret that is neither MasterSecret nor one of FormerSecrets.");
        }

        var plain = new byte[box.Length - TextAt];
        using var aes = new AesGcm(KeyOf(KeyId(box), purpose), TagSize);
        aes.Decrypt(box.Slice(NonceAt, NonceSize), box[TextAt..], box.Slice(TagAt, TagSize), plain, Encoding.UTF8.GetBytes(row));
        return plain;
    }

    /// <summary>A key of this installation for one purpose, made of the master secret of today.</summary>
    public byte[] KeyFor(string purpose) => KeyOf(_current, purpose);

    /// <summary>The same of every master secret, today's first.</summary>
    public IEnumerable<byte[]> KeysFor(string purpose) => _masters.Keys.OrderByDescending(id => id == _current).Select(id => KeyOf(id, purpose));

    /// <summary>Whether it is a box of one of the master secrets.</summary>
    public bool Knows(ReadOnlySpan<byte> box) => box.Length >= TextAt && box[0] == Version && _masters.ContainsKey(KeyId(box));

    /// <summary>Whether it was sealed with the master secret of today.</summary>
    public bool IsCurrent(ReadOnlySpan<byte> box) => Knows(box) && KeyId(box) == _current;

    /// <summary>How every box begins that was sealed with the master secret of today.</summary>
    internal byte[] BeginningOfCurrent()
    {
        var beginning = new byte[NonceAt];
        beginning[0] = Version;
        BinaryPrimitives.WriteUInt32BigEndian(beginning.AsSpan(KeyIdAt), _current);
        return beginning;
    }

    private byte[] KeyOf(uint id, string purpose) => _keys.GetOrAdd((id, purpose), key => Derive(_masters[key.KeyId], key.Purpose));

    private static uint KeyId(ReadOnlySpan<byte> box) => BinaryPrimitives.ReadUInt32BigEndian(box[KeyIdAt..]);

    private static byte[] Derive(byte[] master, string purpose) => HKDF.DeriveKey(HashAlgorithmName.SHA256, master, 32, info: Encoding.UTF8.GetBytes(purpose));
}
