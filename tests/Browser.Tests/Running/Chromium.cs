using Chassis.Testing;
using Microsoft.Playwright;

namespace Shop.BrowserTests.Running;

/// <summary>The browser of the machine; none is ever downloaded.</summary>
internal static class Chromium
{
    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    public static async Task<IBrowser> StartAsync(IPlaywright playwright)
    {
        var path = Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } named ? named : Places.FirstOrDefault(File.Exists);
        return path is null
            ? throw Missing.Choice($"This test needs a browser, and none of {string.Join(", ", Places)} is there: Debian has chromium, or CHROMIUM names one.")
            // It sees nothing but the console, and a container gives it no sandbox.
            : await playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox", "--disable-dev-shm-usage"] });
    }
}
