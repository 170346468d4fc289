using System.Text.Json;
using Contracts.Events;
using Microsoft.Extensions.Options;
using Notifications.Templating;

namespace Notifications.Mails;

/// <summary>Turns an event's data into what its template shows.</summary>
public sealed class MailContent(MailTemplates templates, IOptions<MailOptions> options)
{
    public RenderedMail Write(string template, string audience, string data, string? name, string? locale)
    {
        var @event = JsonSerializer.Deserialize(data, MailTemplate.Named(template).Sample.GetType(), ContractJson.Options)!;
        return templates.Render(template, locale, MailModel.Of(@event, audience, name ?? "", options.Value));
    }
}
