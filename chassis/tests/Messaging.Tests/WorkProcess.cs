using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>The small service as a process of its own.</summary>
public static class WorkProcess
{
    public static TestProcess Start(WorkFixture fixture, Uri? broker = null, params (string Name, string Value)[] settings) => TestProcess.Start(
        "Messaging.CrashHost.dll",
        [
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("ASPNETCORE_ENVIRONMENT", "Development"),
            ("ConnectionStrings:Database", fixture.Database.Migrations),
            ("RabbitMq:Uri", (broker ?? fixture.Vhost.Uri).ToString()),
            ("Authentication:Authority", TestTokens.Issuer),
            ("Messaging:AnnounceService", "false"),
            ("Messaging:Lease", "00:00:02"),
            ("Messaging:SweepInterval", "00:00:00.200"),
            .. TestVhost.OneAccountForAll.Select(setting => (setting.Key, setting.Value)),
            .. settings,
        ]);

    public static async Task WaitForDeathAsync(this TestProcess process)
    {
        await Poll.UntilAsync(() => process.HasExited, "the process to die", TimeSpan.FromSeconds(40));
        await process.DrainAsync();
    }
}
