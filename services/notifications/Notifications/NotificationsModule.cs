using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Operations;
using MassTransit;
using Microsoft.Extensions.Options;
using Notifications.Contacts;
using Notifications.Features;
using Notifications.Mails;
using Notifications.Queues;
using Notifications.Telemetry;
using Notifications.Templating;
using Notifications.Webhooks;
using OpenTelemetry.Instrumentation.Http;

namespace Notifications;

/// <summary>The queues of the service, each with its own consumer, so that a failure of one kind holds up no other.</summary>
public static class NotificationQueues
{
    public const string Contacts = "notifications.contacts";
    public const string Mails = "notifications.mails";
    public const string Webhooks = "notifications.webhooks";
    public const string Commands = Shop.Contracts.Queues.NotificationsCommands;
}

public static class NotificationsModule
{
    public static void AddConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<ContactsConsumer>(NotificationQueues.Contacts);
        bus.AddConsumer<MailsConsumer>(NotificationQueues.Mails);
        bus.AddConsumer<AccountLinksConsumer>(NotificationQueues.Commands);
        bus.AddConsumer<WebhooksConsumer>(NotificationQueues.Webhooks);
        bus.AddEndedSessions<EndSessions>("notifications");
    }

    public static void AddNotifications(this IServiceCollection services)
    {
        services.AddInstruments<NotificationMetrics>().AddHostedService<OpenWork>();
        services.AddHostedService<Housekeeping>();
        services.AddScoped<ContactBook>();
        AddMails(services);
        AddWebhooks(services);
    }

    public static void MapNotifications(this IEndpointRouteBuilder app)
    {
        ListNotifications.Map(app);
        Preferences.Map(app);
        NotificationStatistics.Map(app);
        ResyncContact.Map(app);
        var webhooks = app.MapGroup("/v1/webhooks");
        WebhookSubscriptions.Map(webhooks);
        WebhookDeliveries.Map(app, webhooks);
    }

    private static void AddMails(IServiceCollection services)
    {
        services.AddSettings<MailOptions>("Mail");
        services.AddSettings<SmtpOptions>("Smtp");
        services.AddSingleton(p =>
        {
            var options = p.GetRequiredService<IOptions<MailOptions>>().Value;
            return MailTemplates.Load(Path.Combine(AppContext.BaseDirectory, options.Templates), options);
        });
        services.AddSingleton<MailContent>();
        services.AddSingleton<MailQueue>();
        services.AddSingleton(new MailsSignal(new WorkSignal()));
        services.AddSingleton<MailOutbox>();
        services.AddSingleton(
            p => new GroupCommit<MailRequest>(
                p.GetRequiredService<IServiceScopeFactory>(), (all, mails, ct) => all.GetRequiredService<MailOutbox>().AddAsync(mails, ct)));
        services.AddSingleton<Func<IMailTransport>>(p => () => ActivatorUtilities.CreateInstance<SmtpMailTransport>(p));
        services.AddHostedService<MailSender>();
    }

    private static void AddWebhooks(IServiceCollection services)
    {
        services.AddSettings<WebhookOptions>("Webhooks");
        services.AddSingleton(p => p.GetRequiredService<IOptions<WebhookOptions>>().Value);
        services.AddSingleton(p =>
        {
            var options = p.GetRequiredService<WebhookOptions>();
            return new AddressRules(options.AllowPrivateNetworks, options.AllowedNetworks);
        });
        services.AddSingleton<IHostResolver, SystemHostResolver>();
        services.AddSealing();
        services.AddSingleton<SecretVault>();
        services.AddSingleton<EndpointRules>();
        services.AddSingleton<EndpointCheck>();
        services.AddSingleton<GuardedConnect>();
        services.AddSingleton(p => new DeliveryClient(
            new HttpMessageInvoker(p.GetRequiredService<GuardedConnect>().CreateHandler(p.GetRequiredService<WebhookOptions>())),
            p.GetRequiredService<SecretVault>(),
            p.GetRequiredService<IOptions<WebhookOptions>>(),
            p.GetRequiredService<TimeProvider>()));

        // The path of an endpoint may be its secret.
        services.Configure<HttpClientTraceInstrumentationOptions>(http => http.EnrichWithHttpRequestMessage =
            (span, request) => span.SetTag("url.full", request.RequestUri?.GetLeftPart(UriPartial.Authority)));
        services.AddSingleton<DeliveryQueue>();
        services.AddSingleton<WebhookHealth>();
        services.AddSingleton(new WebhooksSignal(new WorkSignal()));
        services.AddScoped<WebhookFanOut>();
        services.AddSingleton<WebhookBindings>().AddHostedService(p => p.GetRequiredService<WebhookBindings>());
        services.AddHostedService<DeliveryDispatcher>();
    }
}
