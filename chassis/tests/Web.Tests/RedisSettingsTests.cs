using Chassis.Redis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Web.Tests;

public sealed class The_settings_of_Redis
{
    [Theory]
    [InlineData("no such=thing,at=all=")]
    [InlineData("ssl=true")]
    [InlineData("redis:6379,ssl=perhaps")]
    public void That_cannot_be_read_stop_the_start(string connection) =>
        Should.Throw<OptionsValidationException>(() => Read(connection, "secret")).Failures.ShouldHaveSingleItem().ShouldStartWith("Redis:Connection: ");

    [Theory]
    [InlineData("", "", "")]
    [InlineData("127.0.0.1:6379", "a b,c=d", "")]
    [InlineData("redis:6379,ssl=true,password=secret", "", "")]
    [InlineData("127.0.0.1:6379", "", "Password")]
    [InlineData("redis:6379", "secret", "Connection")]
    [InlineData("redis:6379", "", "Password Connection")]
    public void Of_development_are_refused_elsewhere(string connection, string password, string refused) =>
        string.Join(' ', Read(connection, password).OnlyForDevelopment().Select(f => f.Setting)).ShouldBe(refused);

    private static RedisSettings Read(string connection, string password)
    {
        var services = new ServiceCollection().AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection([new("Redis:Connection", connection), new("Redis:Password", password)]).Build());
        services.AddSettings<RedisSettings>(RedisSettings.Section);
        return services.BuildServiceProvider().GetRequiredService<IOptions<RedisSettings>>().Value;
    }
}
