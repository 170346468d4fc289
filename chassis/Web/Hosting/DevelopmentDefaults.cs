using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Chassis.Web;

/// <summary>
/// Finds what a service must not start with outside of development. A secret of development says that it is one by one of its words; what else is for
/// development only, the settings say themselves (<see cref="IForDevelopment"/>).
/// </summary>
internal sealed partial class DevelopmentDefaults(IConfiguration configuration, IEnumerable<SettingsType> types, IServiceProvider services)
{
    /// <summary>The variables to set, each with the reason, in alphabetical order.</summary>
    public IReadOnlyList<string> Find() =>
    [
        .. Secrets().Concat(types.SelectMany(t => t.OnlyForDevelopment(services)))
            .Select(f => $"{f.Setting.Replace(":", "__", StringComparison.Ordinal)} ({f.Reason})")
            .Distinct(StringComparer.Ordinal)
            .OrderBy(f => f, StringComparer.Ordinal),
    ];

    private IEnumerable<(string Setting, string Reason)> Secrets() =>
        from setting in configuration.AsEnumerable()
        where setting.Key.Contains(':', StringComparison.Ordinal) && OfDevelopment().IsMatch(SecretOf(setting.Key, setting.Value) ?? "")
        select (setting.Key, "a secret of development");

    private static string? SecretOf(string key, string? value) =>
        SecretName().IsMatch(key) ? value
        : key.StartsWith("ConnectionStrings:", StringComparison.OrdinalIgnoreCase) ? new NpgsqlConnectionStringBuilder(value).Password
        : Uri.TryCreate(value, UriKind.Absolute, out var uri) ? uri.UserInfo
        : null;

    [GeneratedRegex("(password|secret|secrets|apikey)(:[0-9]+)?$", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    [GeneratedRegex("(^|[^a-z0-9])(dev|development|test|sandbox|guest|changeme)([^a-z0-9]|$)", RegexOptions.IgnoreCase)]
    private static partial Regex OfDevelopment();
}
