using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>A key that signs access tokens.</summary>
/// <param name="KeyId">Its <c>kid</c>.</param>
/// <param name="SignsFrom">Until then it is only published.</param>
internal sealed record SigningKeyView(string KeyId, DateTimeOffset SignsFrom)
{
    public static SigningKeyView Of(SigningKey key) => new(key.KeyId, key.SignsFrom);
}

/// <summary>What operators do with the keys that sign access tokens.</summary>
internal static class SigningKeyOps
{
    public static void Map(RouteGroupBuilder v1)
    {
        var keys = v1.MapGroup("/ops/signing-keys").WithTags("Operations");
        keys.MapPost("/rotate", Rotate).RequireSystemOperator(UsersPermissions.ChangeKeys)
            .WithName("RotateSigningKey").WithSummary("Announce the next key. It signs once everybody knows it; tokens of the others stay valid.");
        keys.MapPost("/{keyId}/withdraw", Withdraw).RequireSystemOperator(UsersPermissions.ChangeKeys)
            .WithName("WithdrawSigningKey").WithSummary("Take a key out of use at once, such as a stolen one: what it has signed is void.");
    }

    private static async Task<Ok<SigningKeyView>> Rotate(SigningKeys keys, CancellationToken ct) =>
        TypedResults.Ok(SigningKeyView.Of(await keys.RotateAsync(ct)));

    private static async Task<Ok<SigningKeyView>> Withdraw(string keyId, SigningKeys keys, CancellationToken ct) =>
        TypedResults.Ok(SigningKeyView.Of(await keys.WithdrawAsync(keyId, ct)));
}
