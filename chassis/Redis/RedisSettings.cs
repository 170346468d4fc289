using System.ComponentModel.DataAnnotations;
using StackExchange.Redis;

namespace Chassis.Redis;

/// <summary>
/// Where replicas share what may be lost, section <c>Redis</c>. Without a connection each has its own, and finds out by looking what the others have done.
/// </summary>
public sealed record RedisSettings : IForDevelopment, IValidatableObject
{
    public const string Section = "Redis";

    /// <summary>
    /// <c>host:port</c>, several with commas, then options such as <c>ssl=true</c> or <c>user=shop</c>; empty for no Redis. With TLS the server has to show a
    /// certificate of its own name, from an authority that this process trusts.
    /// </summary>
    public string Connection { get; init; } = "";

    /// <summary>The password, which may stand here apart: then it may hold any character.</summary>
    public string Password { get; init; } = "";

    /// <summary>How long a request waits for an answer, before it does without for as long as Redis is away.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:05")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(100);

    public bool IsWanted => Connection.Length > 0;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IsWanted)
        {
            return [];
        }

        try
        {
            return ConfigurationOptions.Parse(Connection).EndPoints.Count > 0 ? [] : [Wrong("names no server")];
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            return [Wrong("cannot be read: host:port,host:port,option=value")];
        }
    }

    /// <summary>One that asks for no password, or has everything said to it in the clear.</summary>
    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (!IsWanted || Validate(new ValidationContext(this)).Any())
        {
            yield break;
        }

        var options = ToOptions();
        if (string.IsNullOrEmpty(options.Password))
        {
            yield return (nameof(Password), "a Redis that anybody may use");
        }

        if (!options.Ssl && !options.EndPoints.All(IsOnThisMachine))
        {
            yield return (nameof(Connection), "no TLS beyond this machine: ssl=true");
        }
    }

    internal ConfigurationOptions ToOptions()
    {
        var options = ConfigurationOptions.Parse(Connection);
        options.Password = Password.Length > 0 ? Password : options.Password;
        return options;
    }

    private static bool IsOnThisMachine(System.Net.EndPoint server) => server switch
    {
        System.Net.IPEndPoint address => System.Net.IPAddress.IsLoopback(address.Address),
        System.Net.DnsEndPoint name => name.Host == "localhost",
        _ => true,   // a socket in the file system
    };

    private static ValidationResult Wrong(string what) => new(what, [nameof(Connection)]);
}
