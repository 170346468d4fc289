using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

[assembly: AssemblyFixture(typeof(Guestbook.Tests.GuestbookFixture))]

namespace Guestbook.Tests;

/// <summary>The service on its own database and broker, shared by the tests: each uses people and orders of its own.</summary>
public class GuestbookFixture : ServiceFixture<Program>
{
    public EventTap Events { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        using var client = Anonymous();
        await Poll.UntilAsync(
            async () => (await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK, "guestbook to be ready", TimeSpan.FromSeconds(60));
        Events = await EventTap.OpenAsync(Vhost.Uri);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Events is not null)
        {
            await Events.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Publishes an event, as the service whose event it is does.</summary>
    public async Task TellAsync<T>(T happened, long sequence = 1, string? tenant = null)
        where T : class
    {
        await using var scope = Services.CreateAsyncScope();
        using var _ = OperationContext.BeginTenant(tenant);
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(happened, sequence);
        await scope.ServiceProvider.GetRequiredService<DbContext>().SaveChangesAsync();
    }

    /// <summary>What a person sees of the notes.</summary>
    public async Task<IReadOnlyList<JsonElement>> NotesAsync(Guid person)
    {
        using var client = ClientFor(person);
        return [.. (await client.GetFromJsonAsync<JsonElement>("/v1/guestbook/notes")).GetProperty("items").EnumerateArray()];
    }
}
