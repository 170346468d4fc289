using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using MailKit;
using MailKit.Net.Smtp;
using Microsoft.Extensions.Options;
using MimeKit;

namespace Notifications.Mails;

/// <summary>A mail ready to be handed over.</summary>
/// <param name="MessageId">Without angle brackets; the same on every attempt.</param>
/// <param name="Recipient">One address, or several with commas.</param>
/// <param name="Subject">One line.</param>
/// <param name="Text">Plain text part.</param>
/// <param name="Html">HTML part.</param>
/// <param name="Language">BCP 47 tag of the text.</param>
public sealed record OutgoingMail(string MessageId, string Recipient, string Subject, string Text, string Html, string Language);

/// <summary>Why a mail could not be handed over.</summary>
/// <param name="kind">What to do about it.</param>
/// <param name="message">For the operators' list; without the address.</param>
/// <param name="inner">The cause.</param>
public sealed class MailTransportException(MailFailure kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public MailFailure Kind { get; } = kind;
}

public enum MailFailure
{
    /// <summary>This mail will never be taken, for example because the mailbox does not exist.</summary>
    Refused,

    /// <summary>This mail may be taken later.</summary>
    Deferred,

    /// <summary>The server cannot be reached or used at all, so that other mails need not try either.</summary>
    ServerUnavailable,

    /// <summary>The whole mail was handed over and the server did not answer: it may have been taken. Other mails need not try just now.</summary>
    Unconfirmed,
}

/// <summary>Hands mails to a mail server. One instance serves one sender at a time.</summary>
public interface IMailTransport : IDisposable
{
    /// <summary>Whether the server has the whole mail that is under way, and only its answer is missing.</summary>
    bool HandedOver { get; }

    /// <exception cref="MailTransportException">The mail was not handed over, as far as is known.</exception>
    Task SendAsync(OutgoingMail mail, CancellationToken ct);
}

/// <summary>
/// SMTP with one connection that is kept from mail to mail. Every wait ends with the token, <see cref="SmtpOptions.Timeout"/> or
/// <see cref="SmtpOptions.AnswerTimeout"/>.
/// </summary>
public sealed class SmtpMailTransport(IOptions<SmtpOptions> smtp, IOptions<MailOptions> mails, TimeProvider clock) : IMailTransport
{
    private static readonly ParserOptions Addresses = new() { AddressParserComplianceMode = RfcComplianceMode.Strict, AllowAddressesWithoutDomain = false };

    private Connection? _connection;

    public bool HandedOver => _connection is { HandedOver: true };

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        Activity.Current?.SetTag("server.address", smtp.Value.Host).SetTag("server.port", smtp.Value.Port);
        using var message = Compose(mail);
        using var timeout = new CancellationTokenSource(smtp.Value.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        for (var kept = _connection is not null; ; kept = false)
        {
            try
            {
                _connection ??= await ConnectAsync(either.Token);
                await _connection.SendAsync(message, () => timeout.CancelAfter(smtp.Value.AnswerTimeout), either.Token);
                return;
            }
            catch (Exception e)
            {
                var failure = Explain(e);
                if (failure.Kind is MailFailure.ServerUnavailable or MailFailure.Unconfirmed)
                {
                    _connection?.Dispose();
                    _connection = null;
                }

                // A kept connection may be dead, which shows only when it is used: then a new one takes its place.
                ct.ThrowIfCancellationRequested();
                if (!kept || failure.Kind != MailFailure.ServerUnavailable || timeout.IsCancellationRequested)
                {
                    throw failure;
                }
            }
        }
    }

    public void Dispose()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        _connection?.Disconnect(quit: true, patience.Token);
        _connection?.Dispose();
    }

    private MailTransportException Explain(Exception e) => e switch
    {
        // What is said of the sender or the connection concerns every mail and is no reason to give up this one; a size (552) is the mail's own.
        SmtpCommandException { StatusCode: var status, ErrorCode: var what } => (int)status switch
        {
            421 or 454 or 530 or 534 or 535 or 538 => new(MailFailure.ServerUnavailable, $"The mail server cannot be used ({(int)status}).", e),
            < 500 => new(MailFailure.Deferred, $"The mail server deferred the mail ({(int)status}).", e),
            not 552 when what == SmtpErrorCode.SenderNotAccepted =>
                new(MailFailure.ServerUnavailable, $"The mail server refused the sender ({(int)status}).", e),
            _ => new(MailFailure.Refused, $"The mail server refused the mail ({(int)status}).", e),
        },
        _ when HandedOver => new(MailFailure.Unconfirmed, "The mail server did not say whether it took the mail.", e),
        OperationCanceledException => new(MailFailure.ServerUnavailable, "The mail server did not answer in time.", e),
        NotSupportedException when _connection is not null => new(MailFailure.Refused, "The mail server takes no addresses with letters outside of ASCII.", e),
        _ => new(MailFailure.ServerUnavailable, $"The mail server cannot be used ({e.GetType().Name}).", e),
    };

    private MimeMessage Compose(OutgoingMail mail)
    {
        try
        {
            var recipients = InternetAddressList.Parse(Addresses, mail.Recipient).Mailboxes.ToList();
            var body = new BodyBuilder { TextBody = mail.Text, HtmlBody = mail.Html }.ToMessageBody();
            return recipients is []
                ? throw new FormatException("A group without members.")
                : new MimeMessage([new MailboxAddress(mails.Value.ShopName, mails.Value.From)], recipients, mail.Subject, body)
                {
                    MessageId = mail.MessageId,

                    // The second keeps out-of-office answers away from us.
                    Headers = { { HeaderId.ContentLanguage, mail.Language }, { HeaderId.AutoSubmitted, "auto-generated" } },
                };
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new MailTransportException(MailFailure.Refused, "The recipient is not a mail address.", e);
        }
    }

    private async Task<Connection> ConnectAsync(CancellationToken ct)
    {
        // Whether a certificate was revoked would be asked of a third party, in a wait that no token ends.
        var fresh = new Connection { CheckCertificateRevocation = false };
        try
        {
            await fresh.ConnectAsync(await DialAsync(ct), smtp.Value.Host, smtp.Value.Port, smtp.Value.Tls, ct);
            if (smtp.Value.Username is { Length: > 0 } user)
            {
                await fresh.AuthenticateAsync(user, smtp.Value.Password ?? "", ct);
            }

            return fresh;
        }
        catch
        {
            fresh.Dispose();
            throw;
        }
    }

    // A mail of more than one packet, on a connection that waits for company before it sends a small one, waits for the server's delayed acknowledgement: 40 ms
    // for each.
    private async Task<Socket> DialAsync(CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(smtp.Value.Host, smtp.Value.Port, ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Knows how far the mail under way has got.</summary>
    private sealed class Connection : SmtpClient, ITransferProgress
    {
        private SmtpCommandException? _refusal;
        private Action _handedOver = () => { };

        /// <summary>The server has everything, but for the final dot perhaps.</summary>
        public bool HandedOver { get; private set; }

        public async Task SendAsync(MimeMessage message, Action whenHandedOver, CancellationToken ct)
        {
            (_refusal, HandedOver, _handedOver) = (null, false, whenHandedOver);
            if (!Capabilities.HasFlag(SmtpCapabilities.UTF8) && message.To.Mailboxes.Any(m => !Ascii.IsValid(m.GetAddress(idnEncode: true))))
            {
                throw new NotSupportedException();
            }

            try
            {
                await SendAsync(message, ct, this);
            }
            catch (SmtpCommandException) when (_refusal is not null)
            {
                // None was accepted: the answer to the first says why.
            }

            HandedOver = false;
            if (_refusal is not null)
            {
                throw _refusal;
            }
        }

        public void Report(long bytesTransferred, long totalSize)
        {
            if (bytesTransferred >= totalSize && !HandedOver)
            {
                HandedOver = true;
                _handedOver();
            }
        }

        public void Report(long bytesTransferred)
        {
        }

        // One recipient of several that is refused does not keep the mail from the others.
        protected override void OnRecipientNotAccepted(MimeMessage message, MailboxAddress mailbox, SmtpResponse response) =>
            _refusal ??= new SmtpCommandException(SmtpErrorCode.RecipientNotAccepted, response.StatusCode, mailbox, response.Response);
    }
}
