namespace Chassis.Testing;

/// <summary>Where the real servers for tests are: the environment says so, <c>make test</c> fills it.</summary>
public static class TestServers
{
    public static string Postgres => Required("TEST_POSTGRES");

    public static Uri RabbitMq => new(Required("TEST_RABBITMQ"));

    public static Uri RabbitMqManagement => new(Required("TEST_RABBITMQ_MANAGEMENT"));

    private static string Required(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
        ? value
        : throw new InvalidOperationException($"{name} is not set. Run the tests with `make test`, or start the servers and set it.");
}
