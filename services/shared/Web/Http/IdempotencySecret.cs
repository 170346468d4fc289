using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Chassis.Web;

/// <summary>
/// The key of request fingerprints. A body may hold a password, and whoever gets hold of the table must not be able to try out guesses against it: so the key is made
/// of what the database does not know, the password of the service's own connection to it. When that changes, the answers of the last day cannot be had again.
/// </summary>
internal sealed class IdempotencySecret(IConfiguration configuration)
{
    public byte[] Key { get; } = HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(DatabaseExtensions.RuntimePassword(configuration)), 32, info: "idempotency fingerprints"u8.ToArray());
}
