using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;

namespace Notifications.Tests.Support;

/// <summary>A mail as the catcher saw it.</summary>
public sealed record CaughtMail(string MessageId, string To, string From, string Subject, string Text, string Html, JsonElement Headers);

/// <summary>The mail catcher of the tests.</summary>
public sealed class MailCatcher : IDisposable
{
    private readonly HttpClient _api = new();

    public static string Host => TestServers.MailSmtp.Split(':')[0];

    public static string Port => TestServers.MailSmtp.Split(':')[1];

    /// <summary>Everything that came from an address, oldest first. Every test service has its own.</summary>
    public async Task<IReadOnlyList<CaughtMail>> From(string address)
    {
        var mails = new List<CaughtMail>();
        for (var skip = 0; ; skip += 500)
        {
            var page = await _api.GetFromJsonAsync<JsonElement>(new Uri(
                TestServers.MailApi, $"api/email?from.address={Uri.EscapeDataString(address)}&sort=asc&limit=500&skip={skip}"));
            mails.AddRange(page.EnumerateArray().Select(m => new CaughtMail(
                m.GetProperty("headers").GetProperty("message-id").GetString()!.Trim('<', '>'),
                string.Join(',', m.GetProperty("to").EnumerateArray().Select(t => t.GetProperty("address").GetString())),
                m.GetProperty("from")[0].GetProperty("address").GetString()!,
                m.GetProperty("subject").GetString()!,
                m.GetProperty("text").GetString()!,
                m.GetProperty("html").GetString()!,
                m.GetProperty("headers"))));
            if (page.GetArrayLength() < 500)
            {
                return mails;
            }
        }
    }

    public void Dispose() => _api.Dispose();
}
