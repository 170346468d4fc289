using Chassis.Data;
using Microsoft.Extensions.Configuration;

namespace Chassis.Web;

/// <summary>
/// The key of request fingerprints. A body may hold a password, and whoever gets hold of the table must not be able to try out guesses against it: so the
/// database does not know the key. When the password of the service's connection changes, the answers of the last day cannot be had again.
/// </summary>
internal sealed class IdempotencySecret(IConfiguration configuration)
{
    public byte[] Key { get; } = ServiceKey.Derive(configuration, "idempotency fingerprints");
}
