using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Chassis.Web;

/// <summary>The body of an answer that does not leave before it is on record: not its first byte, and not its headers either.</summary>
internal sealed class AuditedBody : IHttpResponseBodyFeature
{
    private readonly IHttpResponseBodyFeature _answer;
    private readonly Func<Task> _record;
    private PipeWriter? _writer;

    public AuditedBody(IHttpResponseBodyFeature answer, Func<Task> record)
    {
        (this._answer, this._record) = (answer, record);
        Stream = new Gate(answer.Stream, record);
    }

    public Stream Stream { get; }

    public PipeWriter Writer => _writer ??= PipeWriter.Create(Stream, new StreamPipeWriterOptions(leaveOpen: true));

    public void DisableBuffering() => _answer.DisableBuffering();

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        await _record();
        await _answer.StartAsync(cancellationToken);
    }

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        await FlushAsync();
        await _record();
        await _answer.SendFileAsync(path, offset, count, cancellationToken);
    }

    public async Task CompleteAsync()
    {
        await FlushAsync();
        await _record();
        await _answer.CompleteAsync();
    }

    /// <summary>What the writer still holds.</summary>
    public async Task FlushAsync()
    {
        if (_writer is { UnflushedBytes: > 0 })
        {
            await _writer.FlushAsync();
        }
    }

    private sealed class Gate(Stream inner, Func<Task> record) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async Task FlushAsync(CancellationToken cancellationToken)
        {
            await record();
            await inner.FlushAsync(cancellationToken);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await record();
            await inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush() => throw new NotSupportedException("Answers are written asynchronously.");

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Answers are written asynchronously.");

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
