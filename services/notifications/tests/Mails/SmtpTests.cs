using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chassis.Testing;
using MailKit.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Notifications.Mails;

namespace Notifications.Tests.Mails;

public sealed class SmtpTests : IDisposable
{
    private static readonly OutgoingMail Mail = new("1.welcome@shop.example", "ada@example.org", "Grüße", "Hallo", "<p>Hallo</p>", "de");
    private readonly SmtpServer _server = new();
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task Without_tls_a_mail_is_handed_over_in_text_and_html()
    {
        await Send(SecureSocketOptions.None);
        var data = _server.Data.ShouldHaveSingleItem();
        data.ShouldContain("Message-ID: <1.welcome@shop.example>");
        data.ShouldContain("multipart/alternative");
        data.ShouldContain("text/plain; charset=utf-8");
        data.ShouldContain("text/html; charset=utf-8");
    }

    [Fact]
    public async Task With_tls_demanded_nothing_is_said_to_a_server_that_does_not_offer_it()
    {
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.StartTls))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        _server.Commands.ShouldNotContain(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task With_tls_demanded_nothing_is_said_to_a_server_that_nobody_vouches_for()
    {
        _server.OffersTls = true;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.StartTls))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        _server.Commands.ShouldContain("STARTTLS");
        _server.Commands.ShouldNotContain(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task With_tls_from_the_first_byte_nothing_is_said_to_a_server_that_nobody_vouches_for()
    {
        _server.SpeaksTls = true;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.SslOnConnect))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        _server.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_tls_when_available_a_server_without_it_gets_the_mail_in_the_clear_and_one_that_nobody_vouches_for_gets_nothing()
    {
        await Send(SecureSocketOptions.StartTlsWhenAvailable);
        _server.Data.Count.ShouldBe(1);

        _server.OffersTls = true;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.StartTlsWhenAvailable))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        _server.Data.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(550, MailFailure.Refused)]
    [InlineData(451, MailFailure.Deferred)]
    [InlineData(421, MailFailure.ServerUnavailable)]
    public async Task The_servers_answer_decides_whether_it_is_worth_trying_again(int answer, MailFailure kind)
    {
        _server.Answers["RCPT"] = $"{answer} so be it";
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None))).Kind.ShouldBe(kind);
    }

    [Theory]
    [InlineData("MAIL", 550, MailFailure.ServerUnavailable)]
    [InlineData("MAIL", 530, MailFailure.ServerUnavailable)]
    [InlineData("MAIL", 552, MailFailure.Refused)]
    [InlineData("MAIL", 451, MailFailure.Deferred)]
    [InlineData("RCPT", 501, MailFailure.Refused)]
    [InlineData("DATA", 451, MailFailure.Deferred)]
    [InlineData(".", 554, MailFailure.Refused)]
    [InlineData(".", 452, MailFailure.Deferred)]
    [InlineData(".", 421, MailFailure.ServerUnavailable)]
    public async Task The_answer_to_each_command_says_whose_fault_it_is(string command, int answer, MailFailure kind)
    {
        _server.Answers[command] = $"{answer} so be it";
        var failure = await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None));
        failure.Kind.ShouldBe(kind);
        failure.Message.ShouldContain(answer == 530 ? "ServiceNotAuthenticated" : $"({answer})");
    }

    [Fact]
    public async Task One_recipient_that_is_refused_does_not_keep_the_mail_from_the_others()
    {
        _server.Answers["RCPT TO:<gone@example.org>"] = "550 no such mailbox";
        var failure = await Should.ThrowAsync<MailTransportException>(
            () => Send(SecureSocketOptions.None, Mail with { Recipient = "gone@example.org, ada@example.org" }));
        failure.Kind.ShouldBe(MailFailure.Refused);
        failure.Message.ShouldContain("(550)");
        _server.Data.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_mailbox_that_the_server_cannot_address_is_refused_at_once_and_says_why()
    {
        var failure = await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None, Mail with { Recipient = "jörg@example.org" }));
        failure.Kind.ShouldBe(MailFailure.Refused);
        failure.Message.ShouldBe("The mail server takes no addresses with letters outside of ASCII.");
    }

    [Fact]
    public async Task The_answer_to_the_final_dot_is_waited_for_no_longer_than_its_own_time_out_and_its_absence_is_told_from_a_refusal()
    {
        _server.Answers["."] = null;
        using var transport = Connect(SecureSocketOptions.None);
        var sending = transport.SendAsync(Mail, TestContext.Current.CancellationToken);
        await Poll.UntilAsync(() => _server.Data.Count == 1, "the server to have the whole mail");
        _clock.Advance(TimeSpan.FromSeconds(2));
        sending.IsCompleted.ShouldBeFalse();
        transport.HandedOver.ShouldBeTrue();

        _clock.Advance(TimeSpan.FromSeconds(58));
        var failure = await Should.ThrowAsync<MailTransportException>(() => sending.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken));
        failure.Kind.ShouldBe(MailFailure.Unconfirmed);
        failure.Message.ShouldBe("The mail server did not say whether it took the mail.");
    }

    [Fact]
    public async Task The_answer_to_the_final_dot_is_waited_for_no_longer_than_the_caller_wants()
    {
        _server.Answers["."] = null;
        using var stop = new CancellationTokenSource();
        using var transport = Connect(SecureSocketOptions.None);
        var sending = transport.SendAsync(Mail, stop.Token);
        await Poll.UntilAsync(() => _server.Data.Count == 1, "the server to have the whole mail");

        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => sending.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_connection_that_breaks_behind_the_final_dot_leaves_the_mail_unconfirmed()
    {
        _server.Answers["."] = "";
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None))).Kind.ShouldBe(MailFailure.Unconfirmed);
    }

    [Fact]
    public async Task A_connection_is_kept_for_the_next_mail_also_behind_a_refusal_and_ended_with_good_manners()
    {
        var transport = Connect(SecureSocketOptions.None);
        await transport.SendAsync(Mail, TestContext.Current.CancellationToken);
        _server.Answers["RCPT"] = "550 no such mailbox";
        await Should.ThrowAsync<MailTransportException>(() => transport.SendAsync(Mail, TestContext.Current.CancellationToken));
        _server.Answers.Clear();
        await transport.SendAsync(Mail, TestContext.Current.CancellationToken);
        _server.Connections.ShouldBe(1);
        _server.Commands.ShouldNotContain("QUIT");

        _server.Data.Count.ShouldBe(2);
        transport.Dispose();
        _server.Commands.ShouldContain("QUIT");
    }

    [Fact]
    public async Task A_kept_connection_that_the_server_has_ended_costs_the_next_mail_nothing()
    {
        using var transport = Connect(SecureSocketOptions.None);
        await transport.SendAsync(Mail, TestContext.Current.CancellationToken);
        _server.HangUp();
        await transport.SendAsync(Mail, TestContext.Current.CancellationToken);
        _server.Connections.ShouldBe(2);
        _server.Data.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("Smtp:Tls", "None", null)]
    [InlineData("Smtp:Tls", "StartTls", null)]
    [InlineData("Smtp:Tls", "SslOnConnect", null)]
    [InlineData("Smtp:Tls", "17", "Tls")]
    [InlineData("Smtp:Port", "0", "Port")]
    [InlineData("Smtp:Timeout", "00:10:01", "Timeout")]
    [InlineData("Smtp:AnswerTimeout", "00:10:01", "AnswerTimeout")]
    public void Options_that_cannot_be_meant_are_refused(string name, string value, string? problem)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new(name, value)]).Build());
        services.AddNotifications();
        using var provider = services.BuildServiceProvider();
        var options = () => provider.GetRequiredService<IOptions<SmtpOptions>>().Value;
        if (problem is null)
        {
            options().Tls.ToString().ShouldBe(value);
        }
        else
        {
            Should.Throw<OptionsValidationException>(options).Message.ShouldContain(problem);
        }
    }

    /// <summary>
    /// However busy the machine is, some mail is quick; none is, where a packet waits for the one before it to be acknowledged, which the other side puts off
    /// for 40 ms.
    /// </summary>
    [Fact]
    public async Task A_mail_of_several_packets_does_not_wait_for_acknowledgements()
    {
        using var transport = Connect(SecureSocketOptions.None);
        await Poll.UntilAsync(
            async () =>
            {
                var started = TimeProvider.System.GetTimestamp();
                await transport.SendAsync(Mail with { Text = new string('x', 3_000), Html = new string('y', 6_000) }, TestContext.Current.CancellationToken);
                return TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMilliseconds(30);
            },
            "a mail that is handed over at once");
    }

    [Fact]
    public async Task A_server_that_hangs_is_given_up()
    {
        _server.Hangs = true;
        _server.Connected += () => _clock.Advance(TimeSpan.FromSeconds(2));
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None))).Message.ShouldBe("The mail server did not answer in time.");
    }

    [Fact]
    public async Task An_address_that_is_none_is_refused_without_asking_anybody()
    {
        (await Should.ThrowAsync<MailTransportException>(() => Send(SecureSocketOptions.None, Mail with { Recipient = "x@y\r\nRCPT TO:<z@y>" }))).Kind.ShouldBe(
            MailFailure.Refused);
        _server.Commands.ShouldBeEmpty();
    }

    public void Dispose() => _server.Dispose();

    private SmtpMailTransport Connect(SecureSocketOptions tls)
    {
        var options = new SmtpOptions
        {
            Host = "127.0.0.1", Port = _server.Port, Tls = tls, Timeout = TimeSpan.FromSeconds(2), AnswerTimeout = TimeSpan.FromMinutes(1),
        };
        return new SmtpMailTransport(Options.Create(options), Options.Create(new MailOptions()), _clock);
    }

    private async Task Send(SecureSocketOptions tls, OutgoingMail? mail = null)
    {
        using var transport = Connect(tls);
        await transport.SendAsync(mail ?? Mail, TestContext.Current.CancellationToken);
    }

    /// <summary>As much of an SMTP server as it takes to misbehave.</summary>
    private sealed class SmtpServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentQueue<TcpClient> _clients = new();

        public SmtpServer()
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (true)
                {
                    _ = Serve(await _listener.AcceptTcpClientAsync());
                }
            });
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public bool OffersTls { get; set; }

        /// <summary>From the first byte.</summary>
        public bool SpeaksTls { get; set; }

        public bool Hangs { get; set; }

        /// <summary>By command, or the beginning of one; <c>.</c> is the end of a mail. Null answers never, and nothing at all hangs up.</summary>
        public ConcurrentDictionary<string, string?> Answers { get; } = new();

        public event Action? Connected;

        public int Connections => _clients.Count;

        public ConcurrentQueue<string> Commands { get; } = new();

        public ConcurrentQueue<string> Data { get; } = new();

        /// <summary>As a server does that has waited long enough.</summary>
        public void HangUp()
        {
            foreach (var client in _clients)
            {
                client.Dispose();
            }
        }

        public void Dispose() => _listener.Dispose();

        private static X509Certificate2 SelfSigned()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
            using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
        }

        private async Task Serve(TcpClient client)
        {
            _clients.Enqueue(client);
            using (client)
            {
                Stream stream = client.GetStream();
                if (SpeaksTls)
                {
                    stream = await Encrypt(stream);
                }

                var reader = new StreamReader(stream, Encoding.Latin1);
                if (Hangs)
                {
                    Connected?.Invoke();
                    await reader.ReadLineAsync();
                    return;
                }

                await Say("220 ready");
                while (await reader.ReadLineAsync() is { } command)
                {
                    Commands.Enqueue(command);
                    var verb = command.Split(' ')[0].ToUpperInvariant();
                    if (Answers.Keys.FirstOrDefault(
                        a => a == verb || (a.Contains(' ', StringComparison.Ordinal) && command.StartsWith(a, StringComparison.Ordinal))) is { } key)
                    {
                        await Say(Answers[key]!);
                        continue;
                    }

                    switch (verb)
                    {
                        case "EHLO" when OffersTls:
                            await Say("250-hello\r\n250-SMTPUTF8\r\n250 STARTTLS");
                            break;
                        case "STARTTLS":
                            await Say("220 go on");
                            stream = await Encrypt(stream);
                            reader = new StreamReader(stream, Encoding.Latin1);
                            break;
                        case "DATA":
                            await Say("354 go on");
                            var data = new StringBuilder();
                            while (await reader.ReadLineAsync() is { } line && line != ".")
                            {
                                data.AppendLine(line);
                            }

                            Data.Enqueue(data.ToString());
                            var answer = Answers.GetValueOrDefault(".", "250 taken");
                            if (answer is null)
                            {
                                await reader.ReadLineAsync();
                                return;
                            }

                            if (answer.Length == 0)
                            {
                                return;
                            }

                            await Say(answer);
                            break;
                        case "QUIT":
                            await Say("221 bye");
                            return;
                        default:
                            await Say("250 fine");
                            break;
                    }
                }

                async Task Say(string line) => await stream.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"));
            }
        }

        private static async Task<Stream> Encrypt(Stream stream)
        {
            var tls = new SslStream(stream);
            using var certificate = SelfSigned();
            await tls.AuthenticateAsServerAsync(certificate);
            return tls;
        }
    }
}
