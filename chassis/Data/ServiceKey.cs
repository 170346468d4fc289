using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace Chassis.Data;

/// <summary>
/// Keys for hashes that whoever gets hold of the database must not be able to try guesses against: made of what the database does not know, the password of the
/// service's own connection to it.
/// </summary>
internal static class ServiceKey
{
    /// <param name="configuration">The service's.</param>
    /// <param name="purpose">Every purpose has a key of its own.</param>
    public static byte[] Derive(IConfiguration configuration, string purpose) => HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(DatabaseConnections.RuntimePassword(configuration)), 32, info: Encoding.UTF8.GetBytes(purpose));
}
