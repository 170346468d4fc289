using System.Globalization;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

[assembly: HostingStartup(typeof(Shop.Chaos.Faults.ClockOfThisProcess))]

namespace Shop.Chaos.Faults;

/// <summary>
/// A wall clock of its own for each replica: how far it is off stands in a file that the process looks at every second. What counts intervals stays true.
/// The services know nothing of it: .NET loads this assembly into their processes before they begin, and what it registers comes before their own clock.
/// (libfaketime cannot do it: waits of .NET's thread pool do not come back under it.)
/// </summary>
public sealed class SkewedClocks : IDisposable
{
    internal const string FileVariable = "SHOP_CHAOS_CLOCK";

    private readonly string _folder = Directory.CreateTempSubdirectory("shop-clocks-").FullName;
    private readonly HashSet<(string Service, int Number)> _replicas = [];

    /// <summary>What a replica is started with.</summary>
    public Dictionary<string, string> EnvironmentOf(string service, int number)
    {
        _replicas.Add((service, number));
        Set(service, number, TimeSpan.Zero);
        var assembly = typeof(ClockOfThisProcess).Assembly;
        return new()
        {
            ["DOTNET_STARTUP_HOOKS"] = assembly.Location,
            ["ASPNETCORE_HOSTINGSTARTUPASSEMBLIES"] = assembly.GetName().Name!,
            [FileVariable] = FileOf(service, number),
        };
    }

    /// <summary>Sets every clock.</summary>
    /// <param name="off">How far the clock of the replica with this number is ahead.</param>
    public void Set(Func<int, TimeSpan> off)
    {
        foreach (var (service, number) in _replicas)
        {
            Set(service, number, off(number));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // In one step: a process may look at any moment.
    private void Set(string service, int number, TimeSpan off)
    {
        var file = FileOf(service, number);
        File.WriteAllText(file + ".new", off.ToString("c", CultureInfo.InvariantCulture));
        File.Move(file + ".new", file, overwrite: true);
    }

    private string FileOf(string service, int number) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{service}-{number}"));
}

/// <summary>Runs in the process of a service, whose clock it replaces.</summary>
public sealed class ClockOfThisProcess : TimeProvider, IHostingStartup
{
    private readonly string? _file = Environment.GetEnvironmentVariable(SkewedClocks.FileVariable);
    private long _lookAgain;
    private TimeSpan _off;

    public void Configure(IWebHostBuilder builder) => builder.ConfigureServices(services => services.AddSingleton<TimeProvider>(this));

    public override DateTimeOffset GetUtcNow()
    {
        if (_file is not null && Environment.TickCount64 >= Volatile.Read(ref _lookAgain))
        {
            _off = TimeSpan.Parse(File.ReadAllText(_file), CultureInfo.InvariantCulture);
            Volatile.Write(ref _lookAgain, Environment.TickCount64 + 1000);
        }

        return base.GetUtcNow() + _off;
    }
}
