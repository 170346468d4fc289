using System.ComponentModel.DataAnnotations;
using System.Net;
using Chassis;
using MailKit.Security;

namespace Notifications.Mails;

/// <summary>Configuration section <c>Mail</c>.</summary>
public sealed record MailOptions
{
    /// <summary>Address that mails come from.</summary>
    [Required, EmailAddress]
    public string From { get; init; } = "orders@shop.example";

    /// <summary>Where questions go; written into every mail.</summary>
    [Required, EmailAddress]
    public string SupportEmail { get; init; } = "support@shop.example";

    /// <summary>Who is told of low stock and disabled webhooks; several addresses with commas. Without one these mails are suppressed.</summary>
    public string? Operators { get; init; }

    [Required]
    public string ShopName { get; init; } = "The Shop";

    /// <summary>Links in mails begin with it.</summary>
    public Uri ShopUrl { get; init; } = new("https://shop.example");

    /// <summary>Part of every <c>Message-ID</c> after the @; a domain of ours, and the same on every replica.</summary>
    [Required, RegularExpression(@"^[A-Za-z0-9.-]+$")]
    public string MessageIdDomain { get; init; } = "shop.example";

    /// <summary>Folder of the templates; relative to the program.</summary>
    [Required]
    public string Templates { get; init; } = "Templates";

    /// <summary>Where parcels can be tracked, by carrier in lower case; <c>{trackingNumber}</c> is replaced.</summary>
    public IReadOnlyDictionary<string, string> TrackingUrls { get; init; } = new Dictionary<string, string>();

    /// <summary>Mails that may be under way at a time, per process; each has its own connection to the mail server.</summary>
    [Range(1, 64)]
    public int Concurrency { get; init; } = 4;

    /// <summary>A claim that nobody has renewed for this time is free again: the process that held it is gone.</summary>
    [Range(typeof(TimeSpan), "00:00:00.3", "01:00:00")]
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a mail waits for a contact that is not known yet, before it has failed.</summary>
    public TimeSpan WaitForContact { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Waiting time after each failed attempt; the mail has failed when the list is at its end. The default is used when empty.</summary>
    public IReadOnlyList<TimeSpan> Retries { get; init; } = [];

    /// <summary>
    /// Waiting time after each attempt of which nobody knows whether the server took the mail; it has failed, and may have arrived, when the list is at its
    /// end. Few and long, since each may be a second copy for its reader. The default (30 minutes, 4 hours) is used when empty.
    /// </summary>
    public IReadOnlyList<TimeSpan> UnconfirmedRetries { get; init; } = [];

    /// <summary>How long mails stay in the list after they were sent, suppressed or given up.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(90);

    internal static readonly IReadOnlyList<TimeSpan> StandardRetries =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(1), TimeSpan.FromHours(2), TimeSpan.FromHours(4), TimeSpan.FromHours(8),
    ];

    internal static readonly IReadOnlyList<TimeSpan> StandardUnconfirmedRetries = [TimeSpan.FromMinutes(30), TimeSpan.FromHours(4)];

    internal IReadOnlyList<TimeSpan> UnconfirmedWaits => UnconfirmedRetries.Count == 0 ? StandardUnconfirmedRetries : UnconfirmedRetries;

    internal IReadOnlyList<TimeSpan> RetryWaits => Retries.Count == 0 ? StandardRetries : Retries;
}

/// <summary>Configuration section <c>Smtp</c>.</summary>
public sealed record SmtpOptions : IForDevelopment
{
    [Required]
    public string Host { get; init; } = "127.0.0.1";

    [Range(1, 65535)]
    public int Port { get; init; } = 1025;

    /// <summary>
    /// <c>None</c>: only for a mail server on the same host, or a mail catcher. <c>StartTls</c>: nothing is sent when the server does not offer it.
    /// <c>StartTlsWhenAvailable</c>: against listeners only. <c>SslOnConnect</c>: TLS from the first byte, as on port 465.
    /// With all but <c>None</c> nothing is sent to a server whose certificate is not valid.
    /// </summary>
    [EnumDataType(typeof(SecureSocketOptions))]
    public SecureSocketOptions Tls { get; init; } = SecureSocketOptions.None;

    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>How long one mail may take, from the connect to its last byte.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long the answer to the last byte may take. The server has the mail by then: whoever does not wait for its answer sends it twice. RFC 5321
    /// (4.5.3.2.6) gives servers ten minutes; most take milliseconds, and a sender waits with each mail.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromMinutes(2);

    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (Tls is SecureSocketOptions.None or SecureSocketOptions.StartTlsWhenAvailable
            && Host != "localhost"
            && !(IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address)))
        {
            yield return (nameof(Tls), "mails would go to another host without TLS, or without where somebody on the way says that there is none");
        }
    }
}
