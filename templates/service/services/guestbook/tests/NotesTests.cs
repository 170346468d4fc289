using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Guestbook.Tests;

public sealed class NotesTests(GuestbookFixture guestbook)
{
    private readonly Guid _person = Guid.CreateVersion7();

    [Fact]
    public async Task A_note_is_shown_to_its_author_and_told_without_what_it_says()
    {
        var id = await AddAsync("Splendid mugs.");

        (await guestbook.NotesAsync(_person)).Single().GetProperty("text").GetString().ShouldBe("Splendid mugs.");
        (await guestbook.NotesAsync(Guid.CreateVersion7())).ShouldBeEmpty();
        var told = await guestbook.Events.NextAsync("shop.guestbook.note-added.v1", id.ToString());
        told.Body.GetProperty("userId").GetGuid().ShouldBe(_person);
        told.Body.GetRawText().ShouldNotContain("Splendid");
    }

    [Fact]
    public async Task The_same_request_again_adds_nothing()
    {
        using var client = guestbook.ClientFor(_person);
        client.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
        foreach (var _ in Enumerable.Range(0, 2))
        {
            (await client.PostAsJsonAsync("/v1/guestbook/notes", new { text = "Once." })).StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        (await guestbook.NotesAsync(_person)).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("")]
    [InlineData(501)]
    public async Task A_note_says_something_and_not_too_much(object text)
    {
        using var client = guestbook.ClientFor(_person);
        var answer = await client.PostAsJsonAsync("/v1/guestbook/notes", new { text = text as string ?? new string('x', (int)text) });
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_completed_order_leaves_one_note_however_often_it_is_told()
    {
        var completed = new OrderCompleted(Guid.CreateVersion7(), _person, new Money(54.50m, "EUR"), TimeProvider.System.GetUtcNow());
        await guestbook.TellAsync(completed);
        await guestbook.TellAsync(completed);
        var later = completed with { OrderId = Guid.CreateVersion7() };
        await guestbook.TellAsync(later);

        await Poll.UntilAsync(() => guestbook.NotesAsync(_person), notes => notes.Any(n => Order(n) == later.OrderId), "the note of the order that came last");
        (await Poll.UntilAsync(() => guestbook.NotesAsync(_person), notes => notes.Any(n => Order(n) == completed.OrderId), "the note of the first order"))
            .Count(n => Order(n) == completed.OrderId).ShouldBe(1);
    }

    [Fact]
    public async Task Nothing_is_kept_of_an_erased_person_nor_of_what_arrives_late()
    {
        var text = $"Written by {Guid.NewGuid()}";
        await AddAsync(text);
        var order = new OrderCompleted(Guid.CreateVersion7(), _person, new Money(1m, "EUR"), TimeProvider.System.GetUtcNow());

        await guestbook.TellAsync(new UserErased(_person, TimeProvider.System.GetUtcNow()));
        await Poll.UntilAsync(() => guestbook.Database.FindAsync(text), tables => tables.Count == 0, "the note to be gone");
        await guestbook.TellAsync(order);
        await Poll.UntilAsync(
            () => guestbook.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox"), n => n == 0, "everything to be heard");

        (await guestbook.NotesAsync(_person)).ShouldBeEmpty();
        using var client = guestbook.ClientFor(_person);
        (await client.PostAsJsonAsync("/v1/guestbook/notes", new { text })).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    private static Guid? Order(JsonElement note) => note.GetProperty("orderId") is { ValueKind: JsonValueKind.String } id ? id.GetGuid() : null;

    private async Task<Guid> AddAsync(string text)
    {
        using var client = guestbook.ClientFor(_person);
        var answer = await client.PostAsJsonAsync("/v1/guestbook/notes", new { text });
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
    }
}
