using System.Security.Cryptography;
using Chassis.Data;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Web.Tests;

public sealed class An_envelope
{
    private const string Today = "the master secret of today, long enough";
    private const string Before = "the master secret of before, long enough";
    private static readonly byte[] Plain = "what nobody else may read"u8.ToArray();

    [Fact]
    public void Opens_for_its_purpose_and_its_row_alone()
    {
        var envelope = Of(Today);
        var box = envelope.Seal("purpose", "row", Plain);

        envelope.Open("purpose", "row", box).ShouldBe(Plain);
        Should.Throw<CryptographicException>(() => envelope.Open("another", "row", box));
        Should.Throw<CryptographicException>(() => envelope.Open("purpose", "another", box));
        Convert.ToHexString(box).ShouldNotContain(Convert.ToHexString(Plain));
        envelope.Seal("purpose", "row", Plain).ShouldNotBe(box, "every box has a nonce of its own");
    }

    [Fact]
    public void Does_not_open_when_any_bit_of_it_has_changed()
    {
        var envelope = Of(Today);
        var box = envelope.Seal("purpose", "row", Plain);
        for (var bit = 0; bit < box.Length * 8; bit++)
        {
            var changed = box.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Should.Throw<CryptographicException>(() => envelope.Open("purpose", "row", changed), $"bit {bit}");
        }

        for (var length = 0; length < box.Length; length++)
        {
            Should.Throw<CryptographicException>(() => envelope.Open("purpose", "row", box.AsSpan(0, length)), $"{length} bytes");
        }
    }

    [Fact]
    public void Of_a_former_master_secret_opens_as_long_as_that_is_configured()
    {
        var box = Of(Before).Seal("purpose", "row", Plain);

        var rotated = Of(Today, Before);
        rotated.Open("purpose", "row", box).ShouldBe(Plain);
        rotated.IsCurrent(box).ShouldBeFalse();
        rotated.IsCurrent(rotated.Seal("purpose", "row", Plain)).ShouldBeTrue();
        Should.Throw<CryptographicException>(() => Of(Today).Open("purpose", "row", box)).Message.ShouldContain("FormerSecrets");
    }

    [Theory]
    [InlineData("", "Sealing:MasterSecret")]
    [InlineData("short", "Sealing:MasterSecret")]
    public void Is_not_made_of_a_secret_that_can_be_guessed(string secret, string named)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Sealing:MasterSecret", secret)]).Build());
        services.AddSealing();
        using var provider = services.BuildServiceProvider();
        Should.Throw<OptionsValidationException>(() => provider.GetRequiredService<Envelope>()).Message.ShouldContain(named);
    }

    private static Envelope Of(string secret, params string[] former) =>
        new(Options.Create(new SealingSettings { MasterSecret = secret, FormerSecrets = former }));
}
