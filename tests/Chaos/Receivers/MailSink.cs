using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Shop.Chaos.Receivers;

/// <summary>A mail server that keeps what it accepted, by <c>Message-ID</c>, and can be told to refuse, to hang, or to be slow with its last word.</summary>
public sealed class MailSink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentQueue<Mail> _mails = new();
    private readonly Task _accepting;
    private TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiting;
    private int _slow;

    public MailSink()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public Behaviour Mode { get; set; } = Behaviour.Accept;

    /// <summary>How long the answer to the final dot takes; the mail is taken at once.</summary>
    public TimeSpan AnswersAfter { get; set; }

    /// <summary>
    /// Of so many senders at a time: the others are answered at once, and free for what somebody seems to have given up. Every second of them is never
    /// answered.
    /// </summary>
    public int? KeepsWaiting { get; set; }

    /// <summary>Senders that wait for the answer to their final dot.</summary>
    public int Waiting => _waiting;

    /// <summary>Everything accepted, repeats included.</summary>
    public IReadOnlyCollection<Mail> Mails => _mails;

    /// <summary>Whoever waits for an answer has it now, and nobody waits from now on.</summary>
    public void AnswerAll()
    {
        AnswersAfter = TimeSpan.Zero;
        Interlocked.Exchange(ref _answered, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stopped.Token);
                client.NoDelay = true;
                _ = ServeAsync(client);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await TalkAsync(client.GetStream());
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                // The sender went away.
            }
        }
    }

    private async Task TalkAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.Latin1);
        await using var writer = new StreamWriter(stream, Encoding.Latin1) { NewLine = "\r\n", AutoFlush = true };
        await writer.WriteLineAsync("220 sink");
        var recipients = new List<string>();
        while (await reader.ReadLineAsync(_stopped.Token) is { } line)
        {
            if (Mode == Behaviour.Hang)
            {
                await Task.Delay(Timeout.Infinite, _stopped.Token);
            }

            switch (line.Split(' ', ':')[0].ToUpperInvariant())
            {
                case "EHLO":
                    // As every mail server of today does (RFC 2920): the sender need not wait for each answer.
                    await writer.WriteLineAsync("250-sink\r\n250 PIPELINING");
                    break;
                case "MAIL" when Mode == Behaviour.Refuse:
                    await writer.WriteLineAsync("451 try again later");
                    break;
                case "RCPT" when Mode == Behaviour.Reject:
                    await writer.WriteLineAsync("550 no such mailbox");
                    break;
                case "RCPT":
                    recipients.Add(line.Split('<', '>').ElementAtOrDefault(1) ?? line);
                    await writer.WriteLineAsync("250 ok");
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 go on");
                    var mail = await ReadMailAsync(reader, recipients);
                    recipients = [];
                    await KeepWaitingAsync(mail, reader);
                    await writer.WriteLineAsync("250 accepted");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 bye");
                    return;
                default:
                    await writer.WriteLineAsync("250 ok");
                    break;
            }
        }
    }

    private async Task KeepWaitingAsync(Mail mail, StreamReader sender)
    {
        var isSlow = Interlocked.Increment(ref _waiting) <= (KeepsWaiting ?? int.MaxValue);
        var silent = isSlow && KeepsWaiting is not null && Interlocked.Increment(ref _slow) % 2 == 0;
        _mails.Enqueue(mail with { IsConfirmed = !silent });
        try
        {
            if (silent)
            {
                await sender.ReadToEndAsync(_stopped.Token);
                throw new EndOfStreamException("The sender has gone.");
            }

            await Task.WhenAny(Task.Delay(isSlow ? AnswersAfter : TimeSpan.Zero, _stopped.Token), _answered.Task);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task<Mail> ReadMailAsync(StreamReader reader, List<string> recipients)
    {
        string? id = null, subject = null;
        var inHeaders = true;
        while (true)
        {
            // A sender that goes away before the final dot has not handed anything over.
            var line = await reader.ReadLineAsync(_stopped.Token) ?? throw new EndOfStreamException("The sender broke off.");
            if (line == ".")
            {
                return new Mail(id ?? "", subject ?? "", string.Join(',', recipients));
            }

            if (inHeaders && line.Length == 0)
            {
                inHeaders = false;
            }
            else if (inHeaders && line.StartsWith("Message-ID:", StringComparison.OrdinalIgnoreCase))
            {
                id = line["Message-ID:".Length..].Trim();
            }
            else if (inHeaders && line.StartsWith("Subject:", StringComparison.OrdinalIgnoreCase))
            {
                subject = line["Subject:".Length..].Trim();
            }
        }
    }
}

/// <summary>How a receiver treats what reaches it.</summary>
public enum Behaviour
{
    Accept,

    /// <summary>Puts off.</summary>
    Refuse,

    /// <summary>Says no for good; of mails only.</summary>
    Reject,

    Hang,

    /// <summary>Webhooks only: 410, "never again".</summary>
    Gone,
}

/// <param name="MessageId">As it came.</param>
/// <param name="Subject">As it came.</param>
/// <param name="Recipient">One, or several with commas.</param>
/// <param name="IsConfirmed">Whether the sender was, or will be, told that the mail is taken.</param>
public sealed record Mail(string MessageId, string Subject, string Recipient, bool IsConfirmed = true);
