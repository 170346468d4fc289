using System.Runtime.Loader;
using Shop.Chaos.Faults;

/// <summary>Called by .NET in a process that is started with DOTNET_STARTUP_HOOKS. It has to have this name, and no namespace.</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var here = typeof(ClockOfThisProcess).Assembly;
        AssemblyLoadContext.Default.Resolving += (_, name) => name.Name == here.GetName().Name ? here : null;
    }
}
