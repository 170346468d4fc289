using Services.Generator.Kubernetes;

namespace Kubernetes.Tests;

/// <summary>The generator fills in deploy/env as a shell would: what it makes of a line is what bash makes of it.</summary>
public sealed class The_filled_in_settings
{
    private static readonly EnvironmentFiles Files = new(new Dictionary<string, string> { ["A"] = "a", ["EMPTY"] = "" });

    [Theory]
    [InlineData("x", "x")]
    [InlineData("${A}", "a")]
    [InlineData("${NONE}", "")]
    [InlineData("http${A:+s}://${NONE:-users:8080}/", "https://users:8080/")]
    [InlineData("${EMPTY:-otherwise}${EMPTY-;not}", "otherwise")]
    [InlineData("${NONE-;http://127.0.0.1:8079}", ";http://127.0.0.1:8079")]
    [InlineData("${A:+${NONE:-/tls}/trusted:}${NONE:-/etc/ssl/certs}", "/tls/trusted:/etc/ssl/certs")]
    [InlineData("${NONE:+${A}}", "")]
    public void Are_what_a_shell_makes_of_them(string text, string filled) => Files.Fill(text).ShouldBe(filled);

    [Theory]
    [InlineData("${A:?no}")]
    [InlineData("${A%%x}")]
    [InlineData("${A")]
    public void Are_refused_where_they_are_written_in_another_way(string text) => Should.Throw<InvalidDataException>(() => Files.Fill(text));
}
