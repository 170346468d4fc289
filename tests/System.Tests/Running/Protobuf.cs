using System.Buffers.Binary;
using System.Text;

namespace Shop.SystemTests.Running;

/// <summary>One message in protocol buffers' wire format, read by field number.</summary>
internal sealed class Protobuf
{
    private readonly List<(int Field, ReadOnlyMemory<byte> Bytes, ulong Number)> _fields = [];

    public Protobuf(ReadOnlyMemory<byte> message)
    {
        for (var rest = message; rest.Length > 0;)
        {
            var key = Varint(ref rest);
            var (field, wireType) = ((int)(key >> 3), (int)(key & 7));
            switch (wireType)
            {
                case 0:
                    _fields.Add((field, default, Varint(ref rest)));
                    break;
                case 1:
                    _fields.Add((field, default, BinaryPrimitives.ReadUInt64LittleEndian(rest.Span)));
                    rest = rest[8..];
                    break;
                case 2:
                    var length = (int)Varint(ref rest);
                    _fields.Add((field, rest[..length], 0));
                    rest = rest[length..];
                    break;
                case 5:
                    _fields.Add((field, default, BinaryPrimitives.ReadUInt32LittleEndian(rest.Span)));
                    rest = rest[4..];
                    break;
                default:
                    throw new InvalidDataException($"Wire type {wireType} is not in use.");
            }
        }
    }

    public IEnumerable<Protobuf> Messages(int field) => _fields.Where(f => f.Field == field).Select(f => new Protobuf(f.Bytes));

    public bool Has(int field) => _fields.Any(f => f.Field == field);

    public string Text(int field) => Encoding.UTF8.GetString(Bytes(field).Span);

    public string Hex(int field) => Convert.ToHexStringLower(Bytes(field).Span);

    public ulong Number(int field) => _fields.Where(f => f.Field == field).Select(f => f.Number).FirstOrDefault();

    private ReadOnlyMemory<byte> Bytes(int field) => _fields.Where(f => f.Field == field).Select(f => f.Bytes).FirstOrDefault();

    private static ulong Varint(ref ReadOnlyMemory<byte> rest)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = rest.Span[0];
            rest = rest[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
