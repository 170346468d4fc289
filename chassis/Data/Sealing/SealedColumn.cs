using System.Security.Cryptography;

namespace Chassis.Data;

/// <summary>A column of a table in which boxes of the <see cref="Envelope"/> lie, one for each row.</summary>
/// <param name="table">The table, with its schema where that is not the usual one.</param>
/// <param name="row">What names the row; it is bound into the box, as text.</param>
/// <param name="box">The column, <c>bytea</c>.</param>
/// <param name="purpose">What kind of thing it is: every kind has a key of its own.</param>
/// <param name="openOlder">Reads what versions before the envelope have left there.</param>
public sealed class SealedColumn(string table, string row, string box, string purpose, Func<Envelope, byte[], byte[]> openOlder)
{
    public string Table => table;

    /// <summary>All that was not sealed with the master secret of today; <c>$1</c> is how a box of today begins.</summary>
    internal string Stale => $"SELECT ctid, {row}::text, {box} FROM {table} WHERE substring({box} FROM 1 FOR length($1)) <> $1";

    /// <summary>Puts a box (<c>$3</c>) in place of another (<c>$2</c>), unless somebody else has changed the row (<c>$1</c>) since.</summary>
    internal string Replace => $"UPDATE {table} SET {box} = $3 WHERE ctid = $1 AND {box} = $2";

    public byte[] Seal(Envelope envelope, string rowName, ReadOnlySpan<byte> plain) => envelope.Seal(purpose, rowName, plain);

    /// <exception cref="CryptographicException">Sealed with a master secret that the settings do not have, or for another purpose or row.</exception>
    public byte[] Open(Envelope envelope, string rowName, byte[] stored) =>
        envelope.Knows(stored) ? envelope.Open(purpose, rowName, stored) : openOlder(envelope, stored);
}
