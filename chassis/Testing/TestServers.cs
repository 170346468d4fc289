using System.Diagnostics;

namespace Chassis.Testing;

/// <summary>
/// The real servers for tests, each at its first use: where the environment says (<c>make test</c> fills it), else in a container where an engine answers;
/// else the test is skipped.
/// </summary>
public static class TestServers
{
    private static readonly Lazy<string> PostgresServer = new(() => Variable("TEST_POSTGRES") ?? TestContainers.Postgres());

    private static readonly Lazy<(Uri Amqp, Uri Management)> Broker = new(() =>
        Variable("TEST_RABBITMQ") is { } amqp ? (new Uri(amqp), new Uri(Required("TEST_RABBITMQ_MANAGEMENT"))) : TestContainers.RabbitMq());

    private static readonly Lazy<string> RedisServer = new(() => Variable("TEST_REDIS") ?? TestContainers.Redis());

    private static readonly Lazy<(string Smtp, Uri Api)> MailCatcher = new(() =>
        Variable("TEST_MAIL_SMTP") is { } smtp ? (smtp, new Uri(Required("TEST_MAIL_API"))) : TestContainers.Mail());

    private static readonly AsyncLocal<string?> OwnPostgres = new();

    /// <summary>Connection string of an administrator.</summary>
    public static string Postgres => OwnPostgres.Value ?? PostgresServer.Value;

    /// <summary>Databases that this test makes from here on are on servers of its own, which it can kill.</summary>
    /// <param name="administrator">Connection string of an administrator.</param>
    public static void UsePostgres(string administrator) => OwnPostgres.Value = administrator;

    public static Uri RabbitMq => Broker.Value.Amqp;

    /// <summary>The same broker at each of its nodes, where <c>CLUSTER=1</c> has made it of several.</summary>
    public static IReadOnlyList<Uri> NodesOf(Uri broker) => Variable("TEST_RABBITMQ_HOSTS") is { } hosts && broker.Scheme == "amqp"
        ? [.. hosts.Split(',').Select(at => new Uri($"amqp://{at}")).Select(at => new UriBuilder(broker) { Host = at.Host, Port = at.Port }.Uri)]
        : [broker];

    public static Uri RabbitMqManagement => Broker.Value.Management;

    /// <summary>Address and password, as <c>Redis:Connection</c> takes them.</summary>
    public static string Redis => RedisServer.Value;

    /// <summary>The same at its port for TLS; skips the test where there is none.</summary>
    public static string RedisOverTls
    {
        get
        {
            _ = Redis;
            NeedTls();
            return Variable("TEST_REDIS_TLS")
                ?? throw Missing.Choice("This test needs a Redis that speaks TLS: make test MODE=local has it (docs/testing.md).");
        }
    }

    /// <summary>
    /// Where each node of the broker serves its metrics, as <c>host:port</c>, separated by blanks; only <c>make chaos ALERTS=1</c> has it do so.
    /// </summary>
    public static string RabbitMqMetrics => Required("TEST_RABBITMQ_METRICS");

    /// <summary>
    /// Folder of the certificates with which the test servers speak TLS, one folder for each server and <c>clients</c>, as <c>deploy/tls/certificates.sh</c>
    /// makes it; null where they speak none. This process trusts their authority, by <c>SSL_CERT_DIR</c>.
    /// </summary>
    public static string? Certificates => Variable("TEST_CERTIFICATES");

    /// <summary>The same address at the broker's port for TLS; skips the test where there is none.</summary>
    public static Uri OverTls(Uri broker)
    {
        NeedTls();
        return new UriBuilder(broker) { Scheme = "amqps", Port = new Uri(Required("TEST_RABBITMQ_TLS")).Port }.Uri;
    }

    /// <summary>Skips the test where the servers speak no TLS.</summary>
    public static void NeedTls()
    {
        if (Certificates is null)
        {
            throw Missing.Choice("This test needs servers that speak TLS: make test MODE=local has them (docs/testing.md).");
        }
    }

    /// <summary>Runs the broker's own tool, for what cannot be asked for over the network.</summary>
    /// <returns>What it has written.</returns>
    public static async Task<string> RabbitMqCtlAsync(params string[] arguments)
    {
        if (Variable("TEST_RABBITMQ") is null)
        {
            return await TestContainers.RabbitMqCtlAsync(arguments);
        }

        // Where the tests themselves run in a container there is no way to it.
        var control = Variable("TEST_RABBITMQCTL")
            ?? throw Missing.Choice(
                "This test stops a queue of the broker: TEST_RABBITMQCTL has to name a command that reaches its rabbitmqctl (docs/testing.md).");
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", control + " \"$@\"", "rabbitmqctl", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"rabbitmqctl {string.Join(' ', arguments)}: {output}{await errors}");
    }

    /// <summary>Where the mail catcher takes mails, as <c>host:port</c>.</summary>
    public static string MailSmtp => MailCatcher.Value.Smtp;

    /// <summary>Where the mail catcher shows them.</summary>
    public static Uri MailApi => MailCatcher.Value.Api;

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string Required(string name) => Variable(name) ?? throw new InvalidOperationException($"{name} is not set, though what belongs to it is.");
}
