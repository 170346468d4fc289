using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Testing;

/// <summary>Every annotation in every settings type of a service, however deep: a value that breaks it has to be refused, and named.</summary>
public static class SettingsWalk
{
    /// <returns>How many values were tried.</returns>
    /// <exception cref="InvalidOperationException">Lists every value that was taken.</exception>
    public static int Verify(IServiceProvider services)
    {
        var findings = new List<string>();
        var tried = 0;
        foreach (var settings in services.GetServices<SettingsType>())
        {
            foreach (var (path, value) in BrokenValues(settings.Section, settings.Type, settings.Type.Assembly))
            {
                tried++;
                if (!IsRefused(settings, path, value))
                {
                    findings.Add($"{path} = '{value}' is taken");
                }
            }
        }

        return findings.Count == 0 ? tried : throw new InvalidOperationException(string.Join(Environment.NewLine, findings));
    }

    private static bool IsRefused(SettingsType settings, string path, string value)
    {
        var services = new ServiceCollection().AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new(path, value)]).Build());
        typeof(SettingsExtensions).GetMethod(nameof(SettingsExtensions.AddSettings))!.MakeGenericMethod(settings.Type).Invoke(
            null, [services, settings.Section]);
        using var provider = services.BuildServiceProvider();
        try
        {
            _ = settings.OnlyForDevelopment(provider).ToList();
            return false;
        }
        catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
        {
            return e.Message.Contains(path, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<(string Path, string Value)> BrokenValues(string path, Type type, Assembly own)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
        {
            var (at, inner) = Into($"{path}:{property.Name}", property.PropertyType);
            foreach (var annotation in property.GetCustomAttributes<ValidationAttribute>())
            {
                yield return (at, BrokenValue(annotation));
            }

            if (inner.IsClass && inner.Assembly == own)
            {
                foreach (var broken in BrokenValues(at, inner, own))
                {
                    yield return broken;
                }
            }
        }
    }

    /// <summary>Of a list or a dictionary, its first element.</summary>
    private static (string Path, Type Type) Into(string path, Type type) =>
        type == typeof(string) || !typeof(IEnumerable).IsAssignableFrom(type) ? (path, type)
        : type.IsArray ? ($"{path}:0", type.GetElementType()!)
        : ($"{path}:{(type.GetGenericArguments().Length == 1 ? "0" : "x")}", type.GetGenericArguments()[^1]);

    private static string BrokenValue(ValidationAttribute annotation) => annotation switch
    {
        RangeAttribute { OperandType: var type } => type == typeof(TimeSpan) ? "-1.00:00:00" : "-1",
        MaxLengthAttribute longest => new string('x', longest.Length + 1),
        RequiredAttribute or MinLengthAttribute => "",
        EnumDataTypeAttribute => "999",
        _ => "\u0001",
    };
}
