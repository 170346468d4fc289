namespace Shop.Demo;

/// <summary>Where the system is. The defaults are those of <c>.env.example</c>; <c>make demo</c> passes what is set.</summary>
internal sealed record Settings
{
    public Uri Users { get; } = Address("DEMO_USERS", "http://127.0.0.1:8081");
    public Uri Orders { get; } = Address("DEMO_ORDERS", "http://127.0.0.1:8082");
    public Uri Inventory { get; } = Address("DEMO_INVENTORY", "http://127.0.0.1:8083");
    public Uri Notifications { get; } = Address("DEMO_NOTIFICATIONS", "http://127.0.0.1:8084");
    public Uri Console { get; } = Address("DEMO_CONSOLE", "http://127.0.0.1:8085");
    public Uri Mail { get; } = Address("DEMO_MAIL", "http://127.0.0.1:1080");

    /// <summary>Where the demo listens for webhooks, and under which address the notifications service finds it.</summary>
    public Uri WebhookListen { get; } = Address("DEMO_WEBHOOK_LISTEN", "http://127.0.0.1:8099");
    public Uri WebhookUrl { get; } = Address("DEMO_WEBHOOK_URL", "http://127.0.0.1:8099");

    /// <summary>What people open in a browser, which in containers is another address than the one above.</summary>
    public Uri MailPage { get; } = Address("DEMO_MAIL_PAGE", "http://127.0.0.1:1080");
    public Uri ConsolePage { get; } = Address("DEMO_CONSOLE_PAGE", "http://127.0.0.1:8085");
    public Uri BrokerPage { get; } = Address("DEMO_BROKER_PAGE", "http://127.0.0.1:15672");

    public string OperatorEmail { get; } = Text("OPERATOR_EMAIL", "operator@shop.example");
    public string OperatorPassword { get; } = Text("OPERATOR_PASSWORD", "Operator-dev-1");

    /// <summary>How long an order may take. Generous: somebody may kill a service meanwhile and start it again.</summary>
    public TimeSpan Patience { get; } = TimeSpan.FromSeconds(double.Parse(
        Text("DEMO_PATIENCE_SECONDS", "180"), System.Globalization.CultureInfo.InvariantCulture));

    private static Uri Address(string name, string fallback) => new(Text(name, fallback));

    private static string Text(string name, string fallback) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : fallback;
}
