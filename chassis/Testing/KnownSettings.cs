using System.Collections;
using System.Diagnostics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Chassis.Testing;

/// <summary>The names of the settings that a service has, asked of its program, which is built and not started: it needs no server.</summary>
public sealed class KnownSettings
{
    // What no settings type stands for: read by the host, by a library or directly.
    private static readonly string[] OfAll =
    [
        "ASPNETCORE_ENVIRONMENT", "ASPNETCORE_URLS", "SSL_CERT_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
        "DOTNET_gcServer", "DOTNET_TieredPGO", "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit", "Logging:Json", "Logging:LogLevel:Default",
        "ConnectionStrings:Database", "ConnectionStrings:Migrations", "Database:Password", "Migrations:Password", "Database:Migrate",
        "RabbitMq:Uri", "RabbitMq:Username", "RabbitMq:Password",
    ];

    private readonly IReadOnlyList<(string Section, Type Type)> _types;

    private KnownSettings(IServiceProvider services)
    {
        _types = [.. services.GetServices<SettingsType>().Select(t => (t.Section, t.Type))];
        ShutdownTimeout = services.GetRequiredService<Microsoft.Extensions.Options.IOptions<HostOptions>>().Value.ShutdownTimeout;
    }

    /// <summary>How long the service takes at most to end what it has begun, once it is told to stop.</summary>
    public TimeSpan ShutdownTimeout { get; }

    /// <param name="program">The service's assembly.</param>
    /// <param name="settings">What the program needs to be built, by environment name.</param>
    /// <exception cref="InvalidOperationException">The program ends before its host is built.</exception>
    public static KnownSettings Of(Assembly program, IEnumerable<KeyValuePair<string, string>> settings)
    {
        using var catcher = new HostCatcher();
        using var _ = DiagnosticListener.AllListeners.Subscribe(catcher);
        try
        {
            program.EntryPoint!.Invoke(null, [settings.Select(s => $"--{s.Key.Replace("__", ":", StringComparison.Ordinal)}={s.Value}").ToArray()]);
        }
        catch (TargetInvocationException e) when (e.InnerException is HostIsBuiltException)
        {
            // that is all that is wanted of it
        }

        using var host = catcher.Host ?? throw new InvalidOperationException($"{program.GetName().Name} has built no host.");
        return new KnownSettings(host.Services);
    }

    /// <summary>Whether the service, or what it runs in, reads a variable of this name.</summary>
    /// <param name="name">As the environment has it: <c>RabbitMq__Password</c>.</param>
    public bool Knows(string name)
    {
        var key = name.Replace("__", ":", StringComparison.Ordinal);
        return OfAll.Contains(key) || _types.Any(
            t => key.StartsWith(t.Section + ":", StringComparison.OrdinalIgnoreCase) && Leads(t.Type, key[(t.Section.Length + 1)..].Split(':')));
    }

    private static bool Leads(Type type, string[] path)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (path.Length == 0)
        {
            return type.IsValueType || type == typeof(string) || type == typeof(Uri);
        }

        if (type.IsArray || (type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type)))
        {
            return Leads(type.IsArray ? type.GetElementType()! : type.GetGenericArguments()[^1], path[1..]);
        }

        var property = type.GetProperty(path[0], BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
        return property is { CanWrite: true } && Leads(property.PropertyType, path[1..]);
    }

    private sealed class HostIsBuiltException : Exception;

    /// <summary>Hears of the host that the program builds in this flow of execution, and ends the program there.</summary>
    private sealed class HostCatcher : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly int _thread = Environment.CurrentManagedThreadId;
        private readonly List<IDisposable> _subscriptions = [];

        public IHost? Host { get; private set; }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "Microsoft.Extensions.Hosting")
            {
                _subscriptions.Add(value.Subscribe(this));
            }
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Key == "HostBuilt" && Environment.CurrentManagedThreadId == _thread)
            {
                Host = (IHost)value.Value!;
                throw new HostIsBuiltException();
            }
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose() => _subscriptions.ForEach(s => s.Dispose());
    }
}
