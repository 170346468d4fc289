using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using Notifications.Tests.Support;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Notifications.Tests.Mails;

public class MailsTests(NotificationsFixture service)
{
    [Fact]
    public async Task A_new_user_is_welcomed_in_text_and_html_under_an_id_made_of_event_and_template()
    {
        var user = NotificationsFixture.Someone();
        var eventId = await service.Broker.Publish(user, sequence: 1);

        var mail = (await service.MailsTo(user.Email)).ShouldHaveSingleItem();
        mail.MessageId.ShouldBe($"{eventId}.welcome@shop.example");
        mail.Subject.ShouldBe("Welcome to The Shop");
        mail.Text.ShouldContain("Hello Ada Lovelace");
        mail.Html.ShouldContain("Welcome, Ada Lovelace");
        mail.Headers.GetProperty("auto-submitted").GetString().ShouldBe("auto-generated");

        var notification = (await Listed(user.UserId)).ShouldHaveSingleItem();
        notification.GetProperty("template").GetString().ShouldBe("welcome");
        notification.GetProperty("recipient").GetString().ShouldBe(user.Email);
        notification.GetProperty("status").GetString().ShouldBe("sent");
        notification.GetProperty("attempts").GetInt32().ShouldBe(1);
        notification.GetProperty("sentAt").ValueKind.ShouldBe(JsonValueKind.String);
    }

    [Theory]
    [InlineData("évent ")]
    [InlineData("a <b@c> ")]
    public async Task An_event_whose_id_no_mail_can_have_is_mailed_under_its_hash(string odd)
    {
        var user = NotificationsFixture.Someone();
        await service.Broker.Publish(user, sequence: 1, id: odd + user.UserId);

        var mail = (await service.MailsTo(user.Email)).ShouldHaveSingleItem();
        mail.MessageId.ShouldMatch("^[0-9a-f]{64}\\.welcome@shop\\.example$");
    }

    [Fact]
    public async Task An_order_is_confirmed_with_its_lines_and_total_in_the_language_of_the_user()
    {
        var user = await service.Register("de-AT", "Jörg <b>Müller</b>");
        var order = NotificationsFixture.Confirmation(user.UserId);
        await service.Broker.Publish(order);

        var mail = (await service.MailsTo(user.Email, 2)).Single(m => m.MessageId.Contains("order-confirmation", StringComparison.Ordinal));
        mail.Subject.ShouldEndWith("ist bestätigt");
        mail.Text.ShouldContain("1 x Notebook 14 (NB-14), je 1.199,00 €: 1.199,00 €");
        mail.Text.ShouldContain("2 x Cable (CABLE), je 9,50 €: 19,00 €");
        mail.Text.ShouldContain("Summe: 1.218,00 €");
        mail.Html.ShouldContain("Jörg &lt;b&gt;Müller&lt;/b&gt;");
    }

    [Fact]
    public async Task Shipping_cancellation_and_failure_are_told_with_what_the_customer_needs()
    {
        var user = await service.Register();
        await service.Broker.Publish(new OrderShipped(Guid.CreateVersion7(), user.UserId, Guid.CreateVersion7(), "DHL", "TRACK-42", DateTimeOffset.UtcNow));
        await service.Broker.Publish(new OrderCancelled(Guid.CreateVersion7(), user.UserId, "Changed my mind", DateTimeOffset.UtcNow, new Money(12.5m, "EUR")));
        await service.Broker.Publish(new OrderFailed(Guid.CreateVersion7(), user.UserId, "payment_declined: generic_decline", DateTimeOffset.UtcNow));

        var mails = await service.MailsTo(user.Email, 4);
        mails.Single(m => m.MessageId.Contains("order-shipped", StringComparison.Ordinal)).Text.ShouldContain("Tracking number: TRACK-42");
        mails.Single(m => m.MessageId.Contains("order-cancelled", StringComparison.Ordinal)).Text.ShouldContain("We refund €12.50");
        mails.Single(m => m.MessageId.Contains("order-failed", StringComparison.Ordinal)).Text.ShouldContain("You have not been charged");
    }

    [Fact]
    public async Task A_change_of_the_password_is_told_and_other_ends_of_sessions_have_mails_of_their_own()
    {
        var user = await service.Register();
        await service.Broker.Publish(new UserSessionsEnded(user.UserId, 1, "email_changed", DateTimeOffset.UtcNow), sequence: 2);
        await service.Broker.Publish(new UserSessionsEnded(user.UserId, 2, "password_changed", DateTimeOffset.UtcNow), sequence: 3);

        (await service.MailsTo(user.Email, 2)).Select(m => m.Subject).ShouldContain("Your password was changed");
        (await Listed(user.UserId, 2)).Select(m => m.GetProperty("template").GetString()).ShouldBe(["welcome", "password-changed"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_link_that_lets_somebody_in_is_mailed_once_to_the_address_that_was_named_and_not_kept()
    {
        var user = await service.Register();
        var (address, link, id) = ($"now-{user.Email}", $"https://shop.example/reset#ticket={Guid.NewGuid():n}", Guid.CreateVersion7());
        var command = new SendAccountLink(user.UserId, address, AccountLinks.ResetPassword, link, DateTimeOffset.UtcNow.AddMinutes(30));
        await service.Broker.Send(command, id);
        await service.Broker.Send(command, id);

        var mail = (await service.MailsTo(address)).ShouldHaveSingleItem();
        mail.Subject.ShouldBe("Set a new password");
        mail.Text.ShouldContain(link);
        await Poll.UntilAsync(async () => await service.Database.FindAsync(link), tables => tables.Count == 0, "the link to be forgotten");
        (await service.MailsTo(address)).ShouldHaveSingleItem();

        // Whoever asked last has the link that counts: another command is another mail.
        await service.Broker.Send(command, Guid.CreateVersion7());
        (await service.MailsTo(address, 2)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_address_that_is_not_verified_gets_the_link_for_that_and_the_rest_once_it_is()
    {
        var user = NotificationsFixture.Someone(name: "Win a prize at http://evil.example") with { EmailVerified = false };
        await service.Broker.Publish(user, sequence: 1);
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId));
        var link = $"https://shop.example/verify#ticket={Guid.NewGuid():n}";
        await service.Broker.Send(
            new SendAccountLink(user.UserId, user.Email, AccountLinks.VerifyEmail, link, DateTimeOffset.UtcNow.AddDays(1)), Guid.CreateVersion7());

        var mail = (await service.MailsTo(user.Email)).ShouldHaveSingleItem();
        mail.Text.ShouldContain(link);
        mail.Text.ShouldNotContain("evil.example", customMessage: "whoever registers a stranger's address has nothing to say to them");
        mail.Html.ShouldNotContain("evil.example");
        (await Poll.UntilAsync(
            () => Listed(user.UserId, 2, status: "pending"),
            waiting => waiting.All(m => m.GetProperty("error").ValueKind == JsonValueKind.String),
            "the others to have been looked at"))
            .Select(m => m.GetProperty("template").GetString()).ShouldBe(["welcome", "order-confirmation"], ignoreOrder: true);
        (await service.MailsTo(user.Email)).ShouldHaveSingleItem();

        await service.Broker.Publish(new UserEmailVerified(user.UserId, user.Email, DateTimeOffset.UtcNow), sequence: 2);
        (await service.MailsTo(user.Email, 3)).Select(m => m.Subject).ShouldContain("Welcome to The Shop");
    }

    [Fact]
    public async Task A_change_of_an_address_that_nobody_had_verified_is_told_to_the_new_one_only()
    {
        var user = NotificationsFixture.Someone() with { EmailVerified = false };
        await service.Broker.Publish(user, sequence: 1);
        var changed = $"new-{user.Email}";
        await service.Broker.Publish(new UserEmailChanged(user.UserId, user.Email, changed, DateTimeOffset.UtcNow, OldEmailVerified: false), sequence: 2);

        (await service.MailsTo(changed, 2)).Select(m => m.Subject).ShouldBe(["Welcome to The Shop", "Your e-mail address was changed"], ignoreOrder: true);
        (await service.MailsTo(user.Email, 0)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_change_of_address_is_told_to_both_addresses()
    {
        var user = await service.Register();
        await service.MailsTo(user.Email);
        var changed = $"new-{user.Email}";
        await service.Broker.Publish(new UserEmailChanged(user.UserId, user.Email, changed, DateTimeOffset.UtcNow), sequence: 2);

        (await service.MailsTo(changed)).ShouldHaveSingleItem().Text.ShouldContain("From now on you sign in with the new address.");
        (await service.MailsTo(user.Email, 2))[1].Text.ShouldContain("This is the last mail to this address.");

        await service.Broker.Publish(new UserDeactivated(user.UserId, "On request", DateTimeOffset.UtcNow), sequence: 3);
        (await service.MailsTo(changed, 2))[1].Subject.ShouldBe("Your account was deactivated");
    }

    [Fact]
    public async Task Operators_are_told_of_low_stock()
    {
        await service.Broker.Publish(new StockLow("NB-14", 3, 5, DateTimeOffset.UtcNow));
        (await service.MailsTo(service.OperatorsAddress)).ShouldContain(m => m.Subject == "Low stock: NB-14, 3 left");
    }

    [Fact]
    public async Task An_event_told_twice_makes_one_mail_even_under_another_id()
    {
        var user = await service.Register();
        var order = NotificationsFixture.Confirmation(user.UserId);
        var id = await service.Broker.Publish(order);
        await service.Broker.Publish(order, id: id);
        await service.Broker.Publish(order);
        var last = await service.Register();
        await service.MailsTo(last.Email);
        await service.MailsTo(user.Email, 2);
        (await Listed(user.UserId, 2)).Count.ShouldBe(2);
        (await service.MailsTo(user.Email, 2)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_replay_mails_nobody()
    {
        var user = await service.Register();
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId), replay: true);

        // Behind it in the queue, and committed with it or later.
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId));

        (await service.MailsTo(user.Email, 2)).Count(m => m.Subject.Contains("confirmed", StringComparison.OrdinalIgnoreCase)).ShouldBeLessThanOrEqualTo(1);
        (await Listed(user.UserId, 2)).Count.ShouldBe(2, "the welcome, and the order that is new.");
    }

    [Fact]
    public async Task A_mail_for_somebody_not_known_yet_waits_for_the_contact()
    {
        var user = NotificationsFixture.Someone("de");
        var order = NotificationsFixture.Confirmation(user.UserId);
        await service.Broker.Publish(order);
        (await Listed(user.UserId, status: "pending")).Single().GetProperty("recipient").ValueKind.ShouldBe(JsonValueKind.Null);

        await service.Broker.Publish(user, sequence: 1);
        var mails = await service.MailsTo(user.Email, 2);
        mails.ShouldContain(m => m.Subject.EndsWith("ist bestätigt", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mail_waits_for_its_contact_for_a_bounded_time()
    {
        var userId = Guid.CreateVersion7();
        await service.Broker.Publish(NotificationsFixture.Confirmation(userId));
        await Listed(userId, status: "pending");
        // Not while a sender has it in hand: that one would be taken for a process that has ended, and its look for an attempt.
        await Poll.UntilAsync(
            () => service.Database.ScalarAsync<long>(
                $"""
                WITH aged AS (
                    UPDATE mails SET created_at = created_at - interval '25 hours', due_at = now() WHERE user_id = '{userId}' AND claim IS NULL RETURNING 1)
                SELECT count(*) FROM aged
                """),
            aged => aged == 1,
            "the mail to wait in nobody's hand");
        var mail = (await Listed(userId, status: "failed")).Single();
        mail.GetProperty("error").GetString().ShouldBe("The user's address did not become known.");
        mail.GetProperty("attempts").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Contacts_follow_the_versions_of_the_user_and_not_the_order_of_arrival()
    {
        var user = NotificationsFixture.Someone("de");
        var newest = $"newest-{user.Email}";
        await service.Broker.Publish(new UserEmailChanged(user.UserId, "b@example.org", newest, DateTimeOffset.UtcNow), sequence: 3);
        await service.Broker.Publish(new UserProfileUpdated(user.UserId, [new FieldChange("fullName", "x", "Countess")], DateTimeOffset.UtcNow), sequence: 4);
        await Contact("Countess, ");
        await service.Broker.Publish(user, sequence: 1);
        (await Contact("Countess, de")).ShouldBe($"{newest}, Countess, de");
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId));
        (await service.MailsTo(newest, 3)).ShouldContain(m => m.Text.Contains("Guten Tag Countess", StringComparison.Ordinal));

        Task<string> Contact(string end) => Poll.UntilAsync(
            () => service.Database.ScalarAsync<string>(
                $"SELECT coalesce(max(email || ', ' || full_name || ', ' || coalesce(locale, '')), '') FROM contacts WHERE user_id = '{user.UserId}'"),
            c => c.EndsWith(end, StringComparison.Ordinal), $"a contact that ends in {end}");
    }

    [Fact]
    public async Task A_contact_that_believed_a_version_that_its_owner_has_not_reached_is_told_anew()
    {
        var user = NotificationsFixture.Someone();
        var (wrong, right) = ($"wrong-{user.Email}", $"right-{user.Email}");
        await service.Broker.Publish(user, sequence: 1);
        await service.Broker.Publish(new UserEmailChanged(user.UserId, user.Email, wrong, DateTimeOffset.UtcNow), sequence: CloudEventEnvelope.MaxSequence);
        await Email(wrong);
        using var client = service.Operator();
        using var resynced = await client.PostAsync(new Uri($"/v1/ops/copies/contacts/{user.UserId}/resync", UriKind.Relative), null);
        resynced.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await service.Broker.Publish(new UserEmailChanged(user.UserId, user.Email, right, DateTimeOffset.UtcNow), sequence: 2);
        await Email(right);

        Task Email(string expected) => Poll.UntilAsync(
            () => service.Database.ScalarAsync<string>($"SELECT coalesce(max(email), '') FROM contacts WHERE user_id = '{user.UserId}'"),
            e => e == expected,
            $"{expected} to be the address");
    }

    [Fact]
    public async Task A_kind_that_the_user_does_not_want_is_suppressed_and_security_mails_are_not()
    {
        var user = await service.Register();
        using var client = service.ClientFor(user.UserId);
        using var put = await client.PutAsJsonAsync($"/v1/users/{user.UserId}/notification-preferences", new { orderConfirmation = false });
        put.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await put.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("orderConfirmation").GetBoolean().ShouldBeFalse();

        var order = NotificationsFixture.Confirmation(user.UserId);
        await service.Broker.Publish(order);
        (await Listed(user.UserId, status: "suppressed")).Single().GetProperty("orderId").GetGuid().ShouldBe(order.OrderId);

        using var security = await client.PutAsJsonAsync($"/v1/users/{user.UserId}/notification-preferences", new { emailChanged = false });
        security.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await security.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors").TryGetProperty("emailChanged", out _).ShouldBeTrue();
        (await client.GetFromJsonAsync<JsonElement>($"/v1/users/{user.UserId}/notification-preferences"))
            .GetProperty("orderConfirmation")
            .GetBoolean()
            .ShouldBeFalse();
    }

    [Fact]
    public async Task Nothing_of_a_person_is_left_after_the_erasure()
    {
        var user = await service.Register("de", "Erika Mustermann");
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId));
        await service.MailsTo(user.Email, 2);
        await Listed(user.UserId, 2, "sent");
        await service.Broker.Publish(new UserErased(user.UserId, DateTimeOffset.UtcNow), sequence: 5);

        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<bool>(
                $"SELECT EXISTS (SELECT FROM contacts WHERE user_id = '{user.UserId}' AND erased_at IS NOT NULL)"),
            "the tombstone");
        (await service.Database.FindAsync(user.Email)).ShouldBeEmpty();
        (await service.Database.FindAsync("Mustermann")).ShouldBeEmpty();

        // The history keeps its shape, and a late event does not bring the person back.
        (await Listed(user.UserId, 2)).ShouldAllBe(m => m.GetProperty("recipient").ValueKind == JsonValueKind.Null);
        await service.Broker.Publish(user, sequence: 1);
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId));
        await service.Broker.Publish(new UserEmailChanged(user.UserId, user.Email, "new." + user.Email, DateTimeOffset.UtcNow), sequence: 4);
        await Listed(user.UserId, 3, status: "suppressed");
        (await service.Database.FindAsync(user.Email)).ShouldBeEmpty();
        (await service.Mails.From(service.Sender)).Count(m => m.To == user.Email).ShouldBe(2);
    }

    private async Task<IReadOnlyList<JsonElement>> Listed(Guid userId, int count = 1, string? status = null)
    {
        using var client = service.Operator();
        return await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>($"/v1/notifications?userId={userId}{(status is null ? "" : $"&status={status}")}"))
                .GetProperty("items").EnumerateArray().ToList(),
            items => items.Count >= count && (status is not null || items.All(i => i.GetProperty("status").GetString() != "pending")),
            $"{count} notifications of the user {status}");
    }
}
