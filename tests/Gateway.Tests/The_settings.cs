using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Gateway.Tests;

public sealed class The_settings
{
    [Theory]
    [InlineData("Services:things:Listen", "8082", "Listen is '8082'")]
    [InlineData("Services:things:Replicas", "", "Replicas names nobody")]
    [InlineData("Services:things:Replicas", "http://127.0.0.1:1, ftp://there", "'ftp://there'")]
    [InlineData("Services:others:Listen", "http://127.0.0.1:8082", "port 8082")]
    [InlineData("Trusted", "10.0.0.0/40", "'10.0.0.0/40'")]
    [InlineData("RequestTimeout", "00:00:00", "RequestTimeout")]
    public void A_wrong_one_is_named_before_anything_starts(string setting, string value, string said) =>
        Should.Throw<OptionsValidationException>(() => GatewayApp.Build([], builder => builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["Gateway:Services:things:Listen"] = "http://127.0.0.1:8082",
                ["Gateway:Services:things:Replicas"] = "http://127.0.0.1:8182",
                ["Gateway:Services:others:Listen"] = "http://127.0.0.1:8083",
                ["Gateway:Services:others:Replicas"] = "http://127.0.0.1:8183",
                [$"Gateway:{setting}"] = value,
            }))).Message.ShouldContain(said);
}
