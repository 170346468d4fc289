using System.Diagnostics.CodeAnalysis;
using MassTransit;
using MassTransit.Transports;

namespace Chassis.Messaging.Model;

/// <summary>
/// Marks what is consumed straight from the outbox: the row that it came in stands for the message, and goes with the transaction of its consumer.
/// </summary>
/// <param name="row">The row.</param>
/// <param name="isAgain">Whether it was not handed over by the transaction that wrote it.</param>
/// <param name="clock">Tells whether it is ours still.</param>
internal sealed class LocalMessage(OutboxRow row, bool isAgain, TimeProvider clock)
{
    public OutboxRow Row { get; } = row;

    public bool IsAgain { get; } = isAgain;

    /// <summary>Somebody else may have had it before, or may have it by now.</summary>
    public bool IsShared => IsAgain || clock.GetTimestamp() > Row.OwnedUntil;

    /// <summary>The row was deleted in the transaction that consumed it.</summary>
    public bool IsGone { get; set; }
}

/// <summary>What the pipeline of an endpoint gets in place of a delivery of the broker.</summary>
internal sealed class LocalReceiveContext : BaseReceiveContext
{
    private readonly string _contentType;

    public LocalReceiveContext(ReceiveEndpointContext endpoint, LocalMessage message)
        : base(message.IsAgain, endpoint, message)
    {
        _contentType = message.Row.ContentType;
        Body = new BytesMessageBody(message.Row.Body);
        HeaderProvider = new RowHeaders(message.Row);
    }

    public override MessageBody Body { get; }

    protected override IHeaderProvider HeaderProvider { get; }

    protected override System.Net.Mime.ContentType GetContentType() => ConvertToContentType(_contentType);

    private sealed class RowHeaders(OutboxRow row) : IHeaderProvider
    {
        public IEnumerable<KeyValuePair<string, object>> GetAll() => row.Headers.Select(header => new KeyValuePair<string, object>(header.Key, header.Value));

        public bool TryGetHeader(string key, [NotNullWhen(true)] out object? value)
        {
            value = row.Headers.GetValueOrDefault(key) ?? (key == MessageHeaders.MessageId ? row.MessageId.ToString() : null);
            return value is not null;
        }
    }
}
