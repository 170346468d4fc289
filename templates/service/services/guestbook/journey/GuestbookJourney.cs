using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>What the tests of the whole system do with the service: it makes each of its boundary events, and keeps something of a person.</summary>
internal sealed class GuestbookJourney : IJourney
{
    public async Task TravelAsync(RunningShop shop, List<string> about)
    {
        using var person = await ShopClient.RegisterAsync(shop.Cluster, "caroline");
        about.Add(person.UserId.ToString());
        await LeaveTraceAsync(person, "Caroline was here.");
    }

    public Task LeaveTraceAsync(ShopClient person, string trace) => person.PostAsync("guestbook", "/v1/guestbook/notes", new { text = trace });
}
