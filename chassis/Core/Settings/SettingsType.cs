using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis;

/// <summary>One type of settings that the service has.</summary>
/// <param name="section">Its section of the configuration.</param>
/// <param name="type">The type.</param>
/// <param name="read">Reads it.</param>
internal sealed class SettingsType(string section, Type type, Func<IServiceProvider, object> read)
{
    public string Section => section;

    public Type Type => type;

    public static SettingsType Of<T>(string section)
        where T : class => new(section, typeof(T), services => services.GetRequiredService<IOptions<T>>().Value);

    /// <summary>What of it is for development only, by its configuration path.</summary>
    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment(IServiceProvider services) => read(services) is IForDevelopment settings
        ? settings.OnlyForDevelopment().Select(s => (s.Setting.Contains(':', StringComparison.Ordinal) ? s.Setting : $"{section}:{s.Setting}", s.Reason))
        : [];
}
