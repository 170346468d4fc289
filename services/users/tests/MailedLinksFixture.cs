using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Web;
using Chassis.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;

namespace Users.Tests;

/// <summary>The users service, and the queue in which the notifications service would find what it is to mail.</summary>
public class MailedLinksFixture : UsersFixture
{
    private readonly ConcurrentQueue<JsonElement> _mails = new();
    private IConnection? _connection;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _connection = await new ConnectionFactory { Uri = Vhost.Uri }.CreateConnectionAsync();
        var channel = await _connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(Queues.NotificationsCommands, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(Queues.NotificationsCommands, durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(Queues.NotificationsCommands, Queues.NotificationsCommands, "");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            _mails.Enqueue(JsonDocument.Parse(delivery.Body.ToArray()).RootElement.GetProperty("message").Clone());
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(Queues.NotificationsCommands, autoAck: true, consumer);
    }

    /// <summary>What is mailed to a user, once it is asked for.</summary>
    /// <param name="userId">Whose account.</param>
    /// <param name="purpose">What the link does.</param>
    /// <param name="number">Which of several; the first is 1.</param>
    public async Task<JsonElement> LinkOfAsync(Guid userId, string purpose, int number = 1) =>
        (await Poll.UntilAsync(
            () => Task.FromResult(MailsTo(userId, purpose)), found => found.Count >= number, $"the command to mail a link to {purpose}"))[number - 1];

    /// <summary>What was asked to be mailed until now.</summary>
    public IReadOnlyList<JsonElement> MailsTo(Guid userId, string purpose) =>
        [.. _mails.Where(mail => mail.GetProperty("userId").GetGuid() == userId && mail.GetProperty("purpose").GetString() == purpose)];

    public static string TicketIn(JsonElement mail) => HttpUtility.ParseQueryString(new Uri(mail.GetProperty("link").GetString()!).Fragment[1..])["ticket"]!;

    public override async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The same, with what holds everywhere but in development.</summary>
public sealed class StrictFixture : MailedLinksFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Users:VerifyEmail"] = "true";
        settings["Users:ReplaceGivenPasswords"] = "true";
    }
}

public static class BrowserExtensions
{
    /// <summary>Sends a form, as a browser does.</summary>
    /// <param name="browser">The client.</param>
    /// <param name="path">Where to.</param>
    /// <param name="site">Where the page came from that has the form, in the words of <c>Sec-Fetch-Site</c>.</param>
    /// <param name="form">What was filled in.</param>
    public static async Task<(HttpStatusCode Status, string Page)> SendFormAsync(
        this HttpClient browser, string path, string site, params (string Name, string Value)[] form)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(p => KeyValuePair.Create(p.Name, p.Value))),
        };
        request.Headers.Add("Sec-Fetch-Site", site);
        using var answer = await browser.SendAsync(request, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
