using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Notifications.Tests.Support;

namespace Notifications.Tests;

/// <summary>Who may call what: every route with every role.</summary>
public class RolesTests(NotificationsFixture service)
{
    private static readonly Guid Someone = Guid.Parse("0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11");

    public static TheoryData<string, string, bool> Routes() => new()
    {
        { "GET", "/v1/notifications", true },
        { "GET", "/v1/users/ME/notification-preferences", true },
        { "PUT", "/v1/users/ME/notification-preferences", true },
        { "POST", "/v1/webhooks", false },
        { "GET", "/v1/webhooks", false },
        { "GET", $"/v1/webhooks/{Someone}", false },
        { "PATCH", $"/v1/webhooks/{Someone}", false },
        { "DELETE", $"/v1/webhooks/{Someone}", false },
        { "POST", $"/v1/webhooks/{Someone}/rotate-secret", false },
        { "POST", $"/v1/webhooks/{Someone}/test", false },
        { "GET", $"/v1/webhooks/{Someone}/deliveries", false },
        { "GET", $"/v1/webhooks/{Someone}/deliveries/{Someone}", false },
        { "POST", $"/v1/webhooks/{Someone}/deliveries/{Someone}/redeliver", false },
        { "POST", $"/v1/webhooks/{Someone}/deliveries/redeliver", false },
        { "GET", "/v1/statistics/notifications", false },
    };

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_route_lets_in_whom_it_should(string method, string route, bool forCustomers)
    {
        var me = Guid.CreateVersion7();
        var path = route.Replace("ME", me.ToString(), StringComparison.Ordinal);
        (await Call(service.Anonymous())).ShouldBe(HttpStatusCode.Unauthorized);
        if (forCustomers)
        {
            (await Call(service.ClientFor(me))).ShouldBe(HttpStatusCode.OK);
        }
        else
        {
            (await Call(service.ClientFor(me))).ShouldBe(HttpStatusCode.Forbidden);
        }

        (await Call(service.ClientFor(me, @operator: true))).ShouldNotBeOneOf(HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden);

        async Task<HttpStatusCode> Call(HttpClient client)
        {
            using (client)
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), path);
                if (method is "POST" or "PUT" or "PATCH")
                {
                    request.Content = JsonContent.Create(new { });
                }

                using var response = await client.SendAsync(request);
                return response.StatusCode;
            }
        }
    }

    [Fact]
    public async Task Customers_see_their_own_notifications_and_preferences_and_nobody_elses()
    {
        var (mine, other) = (await service.Register(), await service.Register());
        await service.MailsTo(mine.Email);
        await service.MailsTo(other.Email);
        using var client = service.ClientFor(mine.UserId);
        var items = (await client.GetFromJsonAsync<JsonElement>("/v1/notifications")).GetProperty("items").EnumerateArray().ToList();
        items.ShouldHaveSingleItem().GetProperty("recipient").GetString().ShouldBe(mine.Email);
        (await client.GetAsync($"/v1/notifications?userId={mine.UserId}")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetAsync($"/v1/notifications?userId={other.UserId}")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await client.GetAsync($"/v1/users/{other.UserId}/notification-preferences")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.PutAsJsonAsync($"/v1/users/{other.UserId}/notification-preferences", new { welcome = false })).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync("/v1/notifications?orderId=nonsense")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Whoever_knows_nothing_of_a_user_says_so()
    {
        using var client = service.Operator();
        (await client.GetAsync($"/v1/users/{Guid.CreateVersion7()}/notification-preferences")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync($"/v1/webhooks/{Someone}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync($"/v1/webhooks/{Someone}/deliveries")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.PostAsync($"/v1/webhooks/{Someone}/test", null)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
