using System.Text;
using System.Text.Json;

namespace PaymentSandbox;

/// <summary>One executed operation: what it changed and what was answered under which idempotency key.</summary>
internal sealed record JournalLine(
    DateTimeOffset At,
    string Operation,
    int Status,
    string? Entry = null,
    string? Key = null,
    string? Fingerprint = null,
    Intent? Intent = null,
    Refund? Refund = null,
    StripeError? Error = null);

/// <summary>
/// The sandbox's memory across restarts: a file with one JSON document a line, only ever appended to. A line that was cut short by a crash was never
/// answered, so it is taken off again at start.
/// </summary>
internal sealed class Journal : IDisposable
{
    private readonly FileStream? _file;

    public Journal(string directory)
    {
        if (directory.Length > 0)
        {
            Directory.CreateDirectory(directory);
            _file = new FileStream(Path.Combine(directory, "journal.jsonl"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        }
    }

    public bool IsWritable => _file is null || _file.CanWrite;

    public IEnumerable<JournalLine> ReadAll()
    {
        if (_file is null)
        {
            yield break;
        }

        long end = 0;
        using (var reader = new StreamReader(_file, Encoding.UTF8, false, 64 * 1024, leaveOpen: true))
        {
            while (reader.ReadLine() is { } text && Parse(text) is { } line)
            {
                end += Encoding.UTF8.GetByteCount(text) + 1;
                yield return line;
            }
        }

        // Also covers a complete last line without its line feed.
        if (end > _file.Length)
        {
            _file.Seek(0, SeekOrigin.End);
            _file.WriteByte((byte)'\n');
        }

        _file.SetLength(end);
        _file.Seek(0, SeekOrigin.End);
    }

    /// <summary>Handed to the operating system before the caller gets an answer: survives the process, not a power cut.</summary>
    public void Append(JournalLine line)
    {
        if (_file is null)
        {
            return;
        }

        _file.Write(JsonSerializer.SerializeToUtf8Bytes(line, StripeJson.Options));
        _file.WriteByte((byte)'\n');
        _file.Flush();
    }

    public void Dispose() => _file?.Dispose();

    private static JournalLine? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<JournalLine>(text, StripeJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
