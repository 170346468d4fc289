using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chassis.Testing;
using Services;

namespace Provisioning.Tests;

/// <summary>What <c>deploy/tls/certificates.sh</c> makes, looked at as those do who connect.</summary>
public sealed class The_certificates : IAsyncLifetime
{
    private static readonly string[] Servers = [.. Service.Of(Repository.Root).Select(s => s.Name), "payment-sandbox", "postgres", "rabbitmq"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("certificates-");

    public async ValueTask InitializeAsync()
    {
        // A folder for each, as volumes and the scripts of the local mode bring them.
        foreach (var server in Servers)
        {
            Directory.CreateDirectory(At(server));
        }

        await MakeAsync();
    }

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void Are_one_for_each_server_good_for_its_own_names()
    {
        foreach (var server in Servers)
        {
            using var certificate = X509Certificate2.CreateFromPemFile(At($"{server}/server.crt"), At($"{server}/server.key"));
            WhyNotTrusted(certificate).ShouldBe(X509ChainStatusFlags.NoError, server);
            certificate.MatchesHostname(server).ShouldBeTrue();
            certificate.MatchesHostname("127.0.0.1").ShouldBeTrue();
            Servers.Where(other => certificate.MatchesHostname(other)).ShouldBe([server]);
            (certificate.NotAfter - DateTime.Now).TotalDays.ShouldBeInRange(700, 731);
        }
    }

    [Theory]
    [InlineData("bank.example", X509ChainStatusFlags.HasNotPermittedNameConstraint)]
    [InlineData("users", X509ChainStatusFlags.NoError)]
    public void Come_from_an_authority_that_vouches_for_nothing_else_even_with_its_key_stolen(string name, X509ChainStatusFlags expected)
    {
        using var authority = X509Certificate2.CreateFromPemFile(At("ca/ca.crt"), At("ca/ca.key"));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=forged", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using var forged = request.Create(authority, new DateTimeOffset(authority.NotBefore), DateTimeOffset.UtcNow.AddDays(1), [1, 2, 3, 4]);

        WhyNotTrusted(forged).ShouldBe(expected);
    }

    [Fact]
    public void Have_keys_that_only_their_owner_reads_and_the_authoritys_goes_to_no_server()
    {
        var keys = _folder.EnumerateFiles("*.key", SearchOption.AllDirectories).ToList();
        keys.Select(k => Path.GetRelativePath(_folder.FullName, k.FullName)).ShouldBe(
            [.. Servers.Select(s => $"{s}/server.key"), "ca/ca.key"], ignoreOrder: true);
        keys.ShouldAllBe(k => k.UnixFileMode == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        new DirectoryInfo(At("ca")).UnixFileMode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var reader in Servers.Append("clients"))
        {
            File.ReadAllText(At($"{reader}/trusted/ca.crt")).ShouldBe(File.ReadAllText(At("ca/ca.crt")));
        }
    }

    [Fact]
    public async Task Stay_at_the_next_start()
    {
        var before = Everything();
        await MakeAsync();
        Everything().ShouldBe(before);
    }

    [Fact]
    public async Task Are_made_anew_one_by_one_where_something_is_wrong_with_them()
    {
        var before = Everything();
        File.WriteAllText(At("users/server.crt"), "cut off");
        File.Delete(At("orders/server.key"));
        File.Copy(At("postgres/server.key"), At("rabbitmq/server.key"), overwrite: true);
        await EndSoonAsync("inventory");

        await MakeAsync();

        Are_one_for_each_server_good_for_its_own_names();
        var after = Everything();
        before.Keys.Where(file => file.EndsWith("server.crt", StringComparison.Ordinal) && before[file] != after[file]).Order()
            .ShouldBe(["inventory/server.crt", "orders/server.crt", "rabbitmq/server.crt", "users/server.crt"]);
    }

    [Fact]
    public async Task Are_all_made_anew_with_a_new_authority()
    {
        var before = Everything();
        Directory.Delete(At("ca"), recursive: true);
        await MakeAsync();
        Are_one_for_each_server_good_for_its_own_names();
        Everything().Count(file => before[file.Key] == file.Value).ShouldBe(0);
    }

    [Theory]
    [InlineData("", 0, "")]
    [InlineData("false", 1, "TLS is \"false\"; it can be true, or nothing")]
    public async Task Are_not_made_unless_they_are_wanted(string setting, int exitCode, string says)
    {
        var nothing = _folder.CreateSubdirectory("nothing");
        var (code, output) = await RunAsync(nothing.FullName, setting);
        (code, nothing.EnumerateFileSystemInfos().Any()).ShouldBe((exitCode, false));
        output.ShouldContain(says);
    }

    private string At(string path) => Path.Combine(_folder.FullName, path);

    private Dictionary<string, string> Everything() =>
        _folder.EnumerateFiles("*", SearchOption.AllDirectories).ToDictionary(
            f => Path.GetRelativePath(_folder.FullName, f.FullName), f => File.ReadAllText(f.FullName));

    private X509ChainStatusFlags WhyNotTrusted(X509Certificate2 certificate)
    {
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(At("clients/trusted/ca.crt")));
        chain.Build(certificate);
        return chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status);
    }

    /// <summary>The same certificate, with its own key, for a month.</summary>
    private async Task EndSoonAsync(string server)
    {
        using var authority = X509Certificate2.CreateFromPemFile(At("ca/ca.crt"), At("ca/ca.key"));
        using var key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(At($"{server}/server.key")));
        using var soon = new CertificateRequest($"CN={server}", key, HashAlgorithmName.SHA256)
            .Create(authority, new DateTimeOffset(authority.NotBefore), DateTimeOffset.UtcNow.AddDays(30), [1, 2, 3, 4]);
        await File.WriteAllTextAsync(At($"{server}/server.crt"), soon.ExportCertificatePem());
    }

    private async Task MakeAsync()
    {
        var (exitCode, output) = await RunAsync(_folder.FullName, "true");
        exitCode.ShouldBe(0, output);
    }

    private static Task<(int ExitCode, string Output)> RunAsync(string folder, string tls) =>
        Outsiders.RunAsync(new ProcessStartInfo("sh")
        {
            ArgumentList = { Repository.PathOf("deploy/tls/certificates.sh"), folder }, Environment = { ["TLS"] = tls },
        });
}
