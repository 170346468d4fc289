using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Options;
using Notifications.Mails;

namespace Notifications.Tests.Mails;

public sealed class SmtpTests : IDisposable
{
    private static readonly OutgoingMail Mail = new("1.welcome@shop.example", "ada@example.org", "Grüße", "Hallo", "<p>Hallo</p>", "de");
    private readonly SmtpServer server = new();

    [Fact]
    public async Task Without_tls_a_mail_is_handed_over_in_text_and_html()
    {
        await Send(SmtpTls.None);
        var data = server.Data.ShouldHaveSingleItem();
        data.ShouldContain("Message-ID: <1.welcome@shop.example>");
        data.ShouldContain("multipart/alternative");
        data.ShouldContain("text/plain; charset=utf-8");
        data.ShouldContain("text/html; charset=utf-8");
    }

    [Fact]
    public async Task With_tls_demanded_nothing_is_said_to_a_server_that_does_not_offer_it()
    {
        (await Should.ThrowAsync<MailTransportException>(() => Send(SmtpTls.StartTls))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        server.Commands.ShouldNotContain(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task With_tls_demanded_nothing_is_said_to_a_server_that_nobody_vouches_for()
    {
        server.OffersTls = true;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SmtpTls.StartTls))).Kind.ShouldBe(MailFailure.ServerUnavailable);
        server.Commands.ShouldContain("STARTTLS");
        server.Commands.ShouldNotContain(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData(550, MailFailure.Refused)]
    [InlineData(451, MailFailure.Deferred)]
    [InlineData(421, MailFailure.ServerUnavailable)]
    public async Task The_servers_answer_decides_whether_it_is_worth_trying_again(int answer, MailFailure kind)
    {
        server.AnswerToRecipient = answer;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SmtpTls.None))).Kind.ShouldBe(kind);
    }

    [Fact]
    public async Task A_server_that_hangs_is_given_up()
    {
        server.Hangs = true;
        (await Should.ThrowAsync<MailTransportException>(() => Send(SmtpTls.None))).Message.ShouldBe("The mail server did not answer in time.");
    }

    [Fact]
    public async Task An_address_that_is_none_is_refused_without_asking_anybody()
    {
        (await Should.ThrowAsync<MailTransportException>(() => Send(SmtpTls.None, Mail with { Recipient = "x@y\r\nRCPT TO:<z@y>" }))).Kind.ShouldBe(MailFailure.Refused);
        server.Commands.ShouldBeEmpty();
    }

    public void Dispose() => server.Dispose();

    private async Task Send(SmtpTls tls, OutgoingMail? mail = null)
    {
        var options = new SmtpOptions { Host = "127.0.0.1", Port = server.Port, Tls = tls, Timeout = TimeSpan.FromSeconds(2) };
        using var transport = new SmtpMailTransport(Options.Create(options), Options.Create(new MailOptions()), TimeProvider.System);
        await transport.Send(mail ?? Mail, TestContext.Current.CancellationToken);
    }

    /// <summary>As much of an SMTP server as it takes to misbehave.</summary>
    private sealed class SmtpServer : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);

        public SmtpServer()
        {
            listener.Start();
            _ = Task.Run(async () =>
            {
                while (true)
                {
                    _ = Serve(await listener.AcceptTcpClientAsync());
                }
            });
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public bool OffersTls { get; set; }

        public bool Hangs { get; set; }

        public int AnswerToRecipient { get; set; } = 250;

        public ConcurrentQueue<string> Commands { get; } = new();

        public ConcurrentQueue<string> Data { get; } = new();

        public void Dispose() => listener.Dispose();

        private static X509Certificate2 SelfSigned()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
            using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
        }

        private async Task Serve(TcpClient client)
        {
            using (client)
            {
                Stream stream = client.GetStream();
                var reader = new StreamReader(stream, Encoding.Latin1);
                if (Hangs)
                {
                    await reader.ReadLineAsync();
                    return;
                }

                await Say("220 ready");
                while (await reader.ReadLineAsync() is { } command)
                {
                    Commands.Enqueue(command);
                    switch (command.Split(' ')[0].ToUpperInvariant())
                    {
                        case "EHLO" when OffersTls:
                            await Say("250-hello\r\n250-SMTPUTF8\r\n250 STARTTLS");
                            break;
                        case "STARTTLS":
                            await Say("220 go on");
                            var tls = new SslStream(stream);
                            using (var certificate = SelfSigned())
                            {
                                await tls.AuthenticateAsServerAsync(certificate);
                            }

                            (stream, reader) = (tls, new StreamReader(tls, Encoding.Latin1));
                            break;
                        case "RCPT":
                            await Say($"{AnswerToRecipient} so be it");
                            break;
                        case "DATA":
                            await Say("354 go on");
                            var data = new StringBuilder();
                            while (await reader.ReadLineAsync() is { } line && line != ".")
                            {
                                data.AppendLine(line);
                            }

                            Data.Enqueue(data.ToString());
                            await Say("250 taken");
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
    }
}
