using System.Net;
using System.Net.Mail;
using System.Net.Mime;
using System.Text;
using Microsoft.Extensions.Options;

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
}

/// <summary>Hands mails to a mail server. One instance serves one sender at a time.</summary>
public interface IMailTransport : IDisposable
{
    /// <exception cref="MailTransportException">The mail was not handed over, as far as is known.</exception>
    Task Send(OutgoingMail mail, CancellationToken ct);
}

/// <summary>SMTP with one connection that is kept while mails follow each other.</summary>
public sealed class SmtpMailTransport(IOptions<SmtpOptions> smtp, IOptions<MailOptions> mails, TimeProvider clock) : IMailTransport
{
    // Servers hang up on idle clients, and a connection found dead costs an attempt.
    private static readonly TimeSpan KeepConnection = TimeSpan.FromSeconds(3);

    private SmtpClient? client;
    private long lastUse;

    public async Task Send(OutgoingMail mail, CancellationToken ct)
    {
        if (client is not null && clock.GetElapsedTime(lastUse) > KeepConnection)
        {
            Hangup();
        }

        client ??= Connect();
        using var message = Compose(mail);
        using var timeout = new CancellationTokenSource(smtp.Value.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            await client.SendMailAsync(message, either.Token);
            lastUse = clock.GetTimestamp();
        }
        catch (Exception e) when (e is SmtpException or OperationCanceledException or IOException or InvalidOperationException)
        {
            Hangup();
            ct.ThrowIfCancellationRequested();
            throw Explain(e);
        }
    }

    public void Dispose() => Hangup();

    private static MailTransportException Explain(Exception e) => e switch
    {
        SmtpException { StatusCode: SmtpStatusCode.MailboxUnavailable or SmtpStatusCode.UserNotLocalTryAlternatePath
            or SmtpStatusCode.MailboxNameNotAllowed or SmtpStatusCode.TransactionFailed } smtp
            => new(MailFailure.Refused, $"The mail server refused the mail ({(int)smtp.StatusCode}).", e),
        SmtpException { StatusCode: SmtpStatusCode.GeneralFailure or SmtpStatusCode.ServiceNotAvailable or SmtpStatusCode.ServiceClosingTransmissionChannel
            or SmtpStatusCode.MustIssueStartTlsFirst } smtp
            => new(MailFailure.ServerUnavailable, $"The mail server cannot be used ({smtp.StatusCode}).", e),
        SmtpException smtp => new(MailFailure.Deferred, $"The mail server deferred the mail ({(int)smtp.StatusCode}).", e),
        OperationCanceledException => new(MailFailure.ServerUnavailable, "The mail server did not answer in time.", e),
        _ => new(MailFailure.ServerUnavailable, $"The mail server cannot be used ({e.GetType().Name}).", e),
    };

    private MailMessage Compose(OutgoingMail mail)
    {
        MailMessage? message = null;
        try
        {
            message = new MailMessage
            {
                From = new MailAddress(mails.Value.From, mails.Value.ShopName, Encoding.UTF8),
                Subject = mail.Subject,
                SubjectEncoding = Encoding.UTF8,
                BodyEncoding = Encoding.UTF8,
                HeadersEncoding = Encoding.UTF8,
            };
            message.To.Add(mail.Recipient);
            message.Headers.Add("Message-ID", $"<{mail.MessageId}>");
            message.Headers.Add("Content-Language", mail.Language);

            // Keeps out-of-office answers away from us.
            message.Headers.Add("Auto-Submitted", "auto-generated");
            message.AlternateViews.Add(View(mail.Text, MediaTypeNames.Text.Plain));
            message.AlternateViews.Add(View(mail.Html, MediaTypeNames.Text.Html));
            return message;
        }
        catch (FormatException e)
        {
            message?.Dispose();
            throw new MailTransportException(MailFailure.Refused, "The recipient is not a mail address.", e);
        }
    }

    private static AlternateView View(string content, string type)
    {
        var view = AlternateView.CreateAlternateViewFromString(content, Encoding.UTF8, type);
        view.TransferEncoding = TransferEncoding.QuotedPrintable;
        return view;
    }

    private SmtpClient Connect() => new(smtp.Value.Host, smtp.Value.Port)
    {
        EnableSsl = smtp.Value.Tls == SmtpTls.StartTls,
        DeliveryMethod = SmtpDeliveryMethod.Network,
        DeliveryFormat = SmtpDeliveryFormat.International,
        UseDefaultCredentials = false,
        Credentials = smtp.Value.Username is { Length: > 0 } user ? new NetworkCredential(user, smtp.Value.Password) : null,
    };

    private void Hangup()
    {
        try
        {
            client?.Dispose();
        }
        catch (Exception e) when (e is SmtpException or IOException or InvalidOperationException)
        {
            // It says goodbye to a server that may be gone.
        }

        client = null;
    }
}
