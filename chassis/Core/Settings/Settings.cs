using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis;

public static class SettingsExtensions
{
    /// <summary>Binds settings to a section of the configuration; the service does not start when an annotation in them is broken, however deep.</summary>
    public static OptionsBuilder<T> AddSettings<T>(this IServiceCollection services, string section)
        where T : class
    {
        services.AddSingleton(SettingsType.Of<T>(section));
        services.AddSingleton<IValidateOptions<T>>(new DeepValidation<T>(section));
        return services.AddOptions<T>().BindConfiguration(section).ValidateOnStart();
    }
}

/// <summary>
/// Annotations of nested settings, lists and dictionaries too, at which the framework's own validation stops. A failure names its configuration path.
/// </summary>
internal sealed class DeepValidation<T>(string section) : IValidateOptions<T>
    where T : class
{
    // An attribute like [Range] is one object for the whole process, and reads its bounds when it is first asked: of two hosts that start at once one would
    // find them half read.
    private static readonly Lock OneAtATime = new();

    public ValidateOptionsResult Validate(string? name, T options)
    {
        var failures = Failures(section, options).ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static IEnumerable<string> Failures(string path, object? value) => value switch
    {
        null or string => [],
        IDictionary entries => entries.Keys.Cast<object>().SelectMany(key => Failures($"{path}:{key}", entries[key])),
        IEnumerable items => items.Cast<object?>().Index().SelectMany(i => Failures($"{path}:{i.Index}", i.Item)),
        _ when value.GetType().Assembly == typeof(T).Assembly && !value.GetType().IsEnum => OfAnnotations(path, value).Concat(
            value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(p => p.CanWrite && p.GetIndexParameters().Length == 0)
                .SelectMany(p => Failures($"{path}:{p.Name}", p.GetValue(value)))),
        _ => [],
    };

    private static IEnumerable<string> OfAnnotations(string path, object value)
    {
        var results = new List<ValidationResult>();
        lock (OneAtATime)
        {
            System.ComponentModel.DataAnnotations.Validator.TryValidateObject(value, new ValidationContext(value), results, validateAllProperties: true);
        }

        return results.Select(r => $"{string.Join(", ", r.MemberNames.Select(member => $"{path}:{member}").DefaultIfEmpty(path))}: {r.ErrorMessage}");
    }
}
