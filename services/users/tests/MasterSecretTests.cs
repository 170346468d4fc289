using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.Extensions.Options;
using Users.Persistence;

namespace Users.Tests;

public sealed class The_master_secret
{
    private const string First = "the-first-master-secret-of-these-tests";
    private const string Second = "another-master-secret-of-these-tests";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_replaced_without_ending_a_session_or_losing_anything_and_the_former_one_can_go()
    {
        await using var service = new ReplacingFixture();
        await service.InitializeAsync();
        var account = await service.RegisterAsync("Ada Lovelace");
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);

        service.Secrets = (Second, First);
        await service.RestartAsync();
        tokens = await ContinuesAsync(service, account, tokens);

        await Poll.UntilAsync(() => SealedAsync(service), count => count == (0, 0), "everything to be sealed with the new master secret");
        service.Secrets = (Second, "");
        await service.RestartAsync();
        await ContinuesAsync(service, account, tokens);
    }

    [Fact]
    public async Task Opens_what_versions_before_the_envelope_have_sealed_with_it()
    {
        await using var service = new ReplacingFixture();
        await service.InitializeAsync();
        var account = await service.RegisterAsync("Ada Lovelace");
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        await service.StopAsync();
        await AsBeforeAsync(service, SecretBox.DataKeys, "user_keys", "user_id", "wrapped_key", "users.data-key");
        await AsBeforeAsync(service, SecretBox.SigningKeys, "signing_keys", "key_id", "private_key", "users.signing-key");

        service.Secrets = (Second, First);
        await service.StartAsync();
        await ContinuesAsync(service, account, tokens);
        await Poll.UntilAsync(() => SealedAsync(service), count => count == (0, 0), "everything to be sealed with the new master secret");
    }

    /// <summary>The access token holds, the session goes on, and the history is read.</summary>
    private static async Task<JsonElement> ContinuesAsync(ReplacingFixture service, Account account, JsonElement tokens)
    {
        using (var before = service.WithToken(tokens.GetProperty("access_token").GetString()!))
        {
            (await before.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        var (status, next) = await service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!));
        status.ShouldBe(200, next.GetRawText());
        using var admin = service.Operator();
        (await admin.GetStringAsync($"/v1/users/{account.Id}/events", Token)).ShouldContain("Ada Lovelace");
        return next;
    }

    /// <summary>How many rows no box of today's master secret is in.</summary>
    private static async Task<(long, long)> SealedAsync(ReplacingFixture service)
    {
        var today = Convert.ToHexString(ReplacingFixture.EnvelopeOf(Second).Seal("any", "any", [])[..5]);
        return (
            await service.Database.ScalarAsync<long>($"SELECT count(*) FROM user_keys WHERE substring(wrapped_key FROM 1 FOR 5) <> decode('{today}', 'hex')"),
            await service.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM signing_keys WHERE substring(private_key FROM 1 FOR 5) <> decode('{today}', 'hex')"));
    }

    /// <summary>Puts the boxes of a version before in place of today's: nonce, tag and ciphertext, under a key that was derived in the same way.</summary>
    private static async Task AsBeforeAsync(ReplacingFixture service, SealedColumn column, string table, string row, string box, string purpose)
    {
        var key = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(First), 32, info: Encoding.UTF8.GetBytes(purpose));
        var id = await service.Database.ScalarAsync<string>($"SELECT {row}::text FROM {table} LIMIT 1");
        var plain = column.Open(
            ReplacingFixture.EnvelopeOf(First), id, await service.Database.ScalarAsync<byte[]>($"SELECT {box} FROM {table} WHERE {row}::text = '{id}'"));
        await service.Database.ExecuteAsync(
            $"UPDATE {table} SET {box} = decode('{Convert.ToHexString(SecretBox.Seal(key, plain))}', 'hex') WHERE {row}::text = '{id}'");
    }

    private sealed class ReplacingFixture : UsersFixture
    {
        public (string Today, string Former) Secrets { get; set; } = (First, "");

        public static Envelope EnvelopeOf(string secret) => new(Options.Create(new SealingSettings { MasterSecret = secret }));

        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Users:MasterSecret"] = Secrets.Today;
            settings["Users:FormerSecrets:0"] = Secrets.Former;
            settings["Users:AnewAfter"] = "00:00:00.2";
        }
    }
}
