using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orders.Payments;

namespace Orders.Tests;

public sealed class The_settings
{
    [Theory]
    [InlineData("Payments:BaseUrl", "sandbox")]
    [InlineData("Payments:BaseUrl", "")]
    [InlineData("Payments:ApiKey", "short")]
    [InlineData("Payments:TryTimeout", "00:00:00")]
    [InlineData("Payments:TotalTimeout", "24:00:00")]
    [InlineData("Payments:Retries", "11")]
    [InlineData("Payments:RetryDelay", "-00:00:01")]
    [InlineData("Payments:MaxConcurrency", "0")]
    [InlineData("Payments:BreakerFailureRatio", "2")]
    [InlineData("Payments:BreakDuration", "00:00:00.1")]
    [InlineData("Payments:CheckAgain", "00:00:00")]
    [InlineData("Fulfilment:Reservation", "00:00:00")]
    [InlineData("Fulfilment:AskAgainAtMost", "-00:01:00")]
    public void That_are_broken_stop_the_start_and_are_named(string setting, string value)
    {
        using var services = With((setting, value));
        Should.Throw<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate()).Message.ShouldContain(setting);
    }

    [Fact]
    public void That_are_not_there_have_defaults_that_hold()
    {
        using var services = With();
        services.GetRequiredService<IStartupValidator>().Validate();
    }

    [Theory]
    [InlineData("http://payment-sandbox:8080", false)]
    [InlineData("http://127.0.0.1:8090", true)]
    [InlineData("https://api.stripe.com", true)]
    public void Of_a_provider_without_TLS_are_for_development_only(string url, bool elsewhere) =>
        new PaymentsOptions { BaseUrl = new Uri(url) }.OnlyForDevelopment().Any().ShouldBe(!elsewhere);

    private static ServiceProvider With(params (string Key, string? Value)[] settings) => new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection([new("Payments:ApiKey", "a-key-of-these-tests")])
            .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, s.Value))).Build())
        .AddFulfilmentAndPayments()
        .BuildServiceProvider();
}
