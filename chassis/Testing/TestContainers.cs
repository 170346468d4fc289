using System.Text.RegularExpressions;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using Microsoft.Extensions.Logging.Abstractions;
using Testcontainers.PostgreSql;
using Testcontainers.RabbitMq;
using Testcontainers.Redis;

namespace Chassis.Testing;

/// <summary>
/// The test servers in containers: the images of <c>docker-compose.yml</c>, the settings of <c>tests/compose.yml</c>. There is one of each kind for all
/// test processes of this clone that run at the same time; the last of them to end removes it.
/// </summary>
internal static class TestContainers
{
    private static readonly Lazy<RabbitMqContainer> Broker = new(() => Share("rabbitmq", new RabbitMqBuilder(ImageOf("rabbitmq"))
        .WithHostname("rabbitmq").WithUsername("guest").WithPassword("guest")
        .WithResourceMapping(
            "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_consistent_hash_exchange]."u8.ToArray(), "/etc/rabbitmq/enabled_plugins")
        .WithEnvironment("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none")
        .WithPortBinding(15672, assignRandomHostPort: true)));

    public static string Postgres() => Share("postgres", new PostgreSqlBuilder(ImageOf("postgres"))
        .WithCommand("-c", "max_connections=600", "-c", "shared_buffers=256MB")
        .WithCreateParameterModifier(create => create.HostConfig!.ShmSize = 256 << 20)).GetConnectionString();

    public static (Uri Amqp, Uri Management) RabbitMq() =>
        (new Uri(Broker.Value.GetConnectionString()), new Uri($"http://guest:guest@{Broker.Value.Hostname}:{Broker.Value.GetMappedPublicPort(15672)}"));

    public static string Redis() =>
        Share("redis", new RedisBuilder(ImageOf("redis"))
            .WithCommand("redis-server", "--requirepass", "redis", "--save", "")).GetConnectionString() + ",password=redis";

    public static async Task<string> RabbitMqCtlAsync(IEnumerable<string> arguments)
    {
        var result = await Broker.Value.ExecAsync(["rabbitmqctl", .. arguments]);
        return result.ExitCode == 0
            ? result.Stdout
            : throw new InvalidOperationException($"rabbitmqctl {string.Join(' ', arguments)}: {result.Stdout}{result.Stderr}");
    }

    public static (string Smtp, Uri Api) Mail()
    {
        var catcher = Share("mail", new ContainerBuilder(ImageOf("mail"))
            .WithPortBinding(1025, assignRandomHostPort: true).WithPortBinding(1080, assignRandomHostPort: true)
            .WithWaitStrategy(Wait.ForUnixContainer().UntilHttpRequestIsSucceeded(request => request.ForPort(1080).ForPath("/api/email"))));
        return ($"{catcher.Hostname}:{catcher.GetMappedPublicPort(1025)}", new Uri($"http://{catcher.Hostname}:{catcher.GetMappedPublicPort(1080)}"));
    }

    /// <summary>The image is named in one place, where the system itself takes it from: a variable, and its default.</summary>
    private static string ImageOf(string service)
    {
        var image = Regex.Match(
            File.ReadAllText(Repository.PathOf("docker-compose.yml")),
            $@"^  {service}:\n(?:    .*\n)*?    image: \$\{{(?<variable>\w+):-(?<name>\S+)\}}",
            RegexOptions.Multiline);
        return Environment.GetEnvironmentVariable(image.Groups["variable"].Value) is { Length: > 0 } other ? other : image.Groups["name"].Value;
    }

    private static TContainer Share<TBuilder, TContainer, TConfiguration>(string service, IContainerBuilder<TBuilder, TContainer, TConfiguration> builder)
        where TBuilder : IContainerBuilder<TBuilder, TContainer, TConfiguration>
        where TContainer : IContainer
        where TConfiguration : IContainerConfiguration
    {
        if (!EngineAnswers())
        {
            throw Missing.Prerequisite(
                $"This test needs a server ({service}), and there is none: start a Docker engine, or run `make test`, which sets TEST_POSTGRES, TEST_RABBITMQ, TEST_REDIS and TEST_MAIL_SMTP "
                + "(docs/testing.md).");
        }

        // Other processes find it by its description, of which the clone is a part. It is ended without ceremony, and the engine removes it then: nothing in it
        // is worth keeping.
        var container = builder.WithReuse(true).WithCleanUp(false).WithLabel("shop.tests", Repository.Root).WithLogger(NullLogger.Instance)
            .WithCreateParameterModifier(create => (create.HostConfig!.AutoRemove, create.StopSignal) = (true, "SIGKILL"))
            .Build();

        // Every process that uses it holds the file open, however it ends; whoever can have the file alone is the last one. Starting and ending is done one by
        // one.
        var folder = Directory.CreateDirectory(Repository.PathOf(".local/containers")).FullName;
        var (turn, users) = (Path.Combine(folder, $"{service}.turn"), Path.Combine(folder, $"{service}.users"));
        using (InTurn(turn))
        {
            var use = TryOpen(users, FileShare.Read)!;
            AppDomain.CurrentDomain.ProcessExit += (_, _) =>
            {
                using var mine = InTurn(turn);
                use.Dispose();
                using var last = TryOpen(users, FileShare.None);
                if (last is not null)
                {
                    Run(() => EndAsync(container));
                }
            };
            Run(() => container.StartAsync());
        }

        return container;
    }

    /// <summary>
    /// The engine removes a stopped container some time after it has said that it is stopped. Until then it can be found, and whoever starts meanwhile would
    /// take a server that goes: nobody's turn comes before it is gone.
    /// </summary>
    private static async Task EndAsync(IContainer container)
    {
        var id = container.Id;    // when it is gone, nobody knows it any more
        await container.StopAsync();
        using var engine = TestcontainersSettings.OS.DockerEndpointAuthConfig.GetDockerClientBuilder(Guid.Empty).Build();
        await Poll.UntilAsync(
            async () => !(await engine.Containers.ListContainersAsync(new ContainersListParameters { All = true })).Any(c => c.ID == id),
            $"the end of container {id}");
    }

    /// <summary>
    /// Testcontainers asks the usual socket when <c>DOCKER_HOST</c> does not answer; the docker client would not, and neither is it done here.
    /// </summary>
    private static bool EngineAnswers() =>
        TestcontainersSettings.OS.DockerEndpointAuthConfig is not null
        && (Environment.GetEnvironmentVariable("DOCKER_HOST") is not ['u', 'n', 'i', 'x', ':', '/', '/', .. var socket] || File.Exists(socket));

    private static FileStream InTurn(string path)
    {
        FileStream? turn;
        while ((turn = TryOpen(path, FileShare.None)) is null)
        {
            Thread.Sleep(50);
        }

        return turn;
    }

    private static FileStream? TryOpen(string path, FileShare share)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, share);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Blocks, once per process and kind of server, so that the addresses can be plain properties.</summary>
    private static void Run(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();
}
