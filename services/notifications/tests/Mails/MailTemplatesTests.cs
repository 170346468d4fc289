using System.Text.Json;
using Contracts.Events;
using Notifications.Mails;
using Notifications.Templating;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

namespace Notifications.Tests.Mails;

public sealed class MailTemplatesTests : IDisposable
{
    private static readonly MailOptions Options = new();
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "Templates");
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public static TheoryData<string, string> EveryMail()
    {
        var all = new TheoryData<string, string>();
        foreach (var language in Directory.GetDirectories(Shipped).Select(d => Path.GetFileName(d)))
        {
            foreach (var template in MailTemplate.All)
            {
                all.Add(language, template.Name);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(EveryMail))]
    public void Every_mail_can_be_written_in_every_language(string language, string template)
    {
        var mail = Sample(MailTemplates.Load(Shipped, Options), template, language);
        mail.Language.ShouldBe(language);
        mail.Subject.ShouldNotBeNullOrWhiteSpace();
        foreach (var part in (string[])[mail.Subject, mail.Text, mail.Html])
        {
            part.ShouldNotContain("{{");
            part.ShouldNotContain("}}");
            part.ShouldNotContain("{%");
        }

        mail.Text.ShouldContain(Options.SupportEmail);
        mail.Html.ShouldContain($"<html lang=\"{language}\">");
        mail.Text.ShouldNotContain("\n\n\n\n");
    }

    [Theory]
    [InlineData("de", "de")]
    [InlineData("de-AT", "de")]
    [InlineData("DE-ch-1996", "de")]
    [InlineData("en-GB", "en")]
    [InlineData("fr", "en")]
    [InlineData("", "en")]
    [InlineData(null, "en")]
    [InlineData("../../etc", "en")]
    public void A_reader_gets_their_language_or_english(string? locale, string language) =>
        Sample(MailTemplates.Load(Shipped, Options), MailTemplate.Welcome, locale).Language.ShouldBe(language);

    [Fact]
    public void The_confirmation_lists_the_lines_and_the_total_as_the_language_writes_them()
    {
        var order = new OrderConfirmed(
            Guid.CreateVersion7(), Guid.CreateVersion7(),
            [new OrderLine("NB-14", "Notebook <14\">", 2, new Money(1199.5m, "EUR")), new OrderLine("CABLE", "Cable", 1, new Money(0.99m, "EUR"))],
            new Money(2399.99m, "EUR"), new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        var content = new MailContent(MailTemplates.Load(Shipped, Options), Microsoft.Extensions.Options.Options.Create(Options));
        var data = JsonSerializer.Serialize(order, ContractJson.Options);

        var english = content.Write(MailTemplate.OrderConfirmation, Audiences.Customer, data, "Ada", "en");
        english.Text.ShouldContain("2 x Notebook <14\"> (NB-14), €1,199.50 each: €2,399.00");
        english.Text.ShouldContain("Total: €2,399.99");
        english.Text.ShouldContain("1 March 2026");
        english.Html.ShouldContain("Notebook &lt;14&quot;&gt;");
        english.Html.ShouldNotContain("<14");

        var german = content.Write(MailTemplate.OrderConfirmation, Audiences.Customer, data, "Ada", "de-DE");
        german.Text.ShouldContain("2 x Notebook <14\"> (NB-14), je 1.199,50 €: 2.399,00 €");
        german.Text.ShouldContain("Summe: 2.399,99 €");
        german.Text.ShouldContain("1. März 2026");
    }

    [Theory]
    [InlineData("out_of_stock: NB-14", "out of stock")]
    [InlineData("payment_declined: insufficient_funds", "Your payment was declined")]
    [InlineData("timed_out: shipping", "Something went wrong on our side")]
    public void A_failed_order_is_explained_in_words_and_says_what_becomes_of_the_money(string reason, string words)
    {
        var content = new MailContent(MailTemplates.Load(Shipped, Options), Microsoft.Extensions.Options.Options.Create(Options));
        var order = new OrderFailed(Guid.CreateVersion7(), Guid.CreateVersion7(), reason, DateTimeOffset.UnixEpoch);
        var mail = content.Write(MailTemplate.OrderFailed, Audiences.Customer, JsonSerializer.Serialize(order, ContractJson.Options), "Ada", null);
        mail.Text.ShouldContain(words);
        mail.Text.ShouldContain("You have not been charged");
        mail.Text.ShouldNotContain(reason);

        var refunded = order with { Refunded = new Money(20m, "USD") };
        content.Write(MailTemplate.OrderFailed, Audiences.Customer, JsonSerializer.Serialize(refunded, ContractJson.Options), "Ada", null)
            .Text.ShouldContain("We refund US$20.00");
    }

    [Theory]
    [InlineData("en/welcome.txt", "Hello {{name}}", "line 1: the first line must be 'Subject: …'")]
    [InlineData("en/welcome.txt", "Subject: Hi\n\n{{nmae}}", "line 3: there is no value 'nmae' here.")]
    [InlineData("de/order-shipped.html", "<p>{{trackingNumber}</p>", "End of tag '}}' was expected at (1:20)")]
    [InlineData("de/order-shipped.txt", "Subject: Ihr Paket\n\n{% if carrier %}\n", "'{% endif %}' was expected at (3:")]
    [InlineData("de/order-failed.txt", "Subject: Leider\n\n{% if outOfStock %}{% else %}{{trackingUrl}}{% endif %}", "line 3: there is no value 'trackingUrl' here.")]
    [InlineData("de/layout.html", "<html>{{contents}}</html>", "there is no value 'contents' here.")]
    [InlineData("de/language.json", "{}", "language.json")]
    public void A_broken_template_keeps_the_service_from_starting(string file, string content, string message)
    {
        CopyTemplates();
        File.WriteAllText(Path.Combine(_folder, file), content);
        Should.Throw<TemplateException>(() => MailTemplates.Load(_folder, Options)).Message.ShouldContain(message);
    }

    [Fact]
    public void A_missing_template_keeps_the_service_from_starting()
    {
        CopyTemplates();
        File.Delete(Path.Combine(_folder, "de", "order-failed.html"));
        Should.Throw<TemplateException>(() => MailTemplates.Load(_folder, Options)).Message.ShouldContain("order-failed.html is missing");
    }

    [Fact]
    public void A_new_language_is_a_folder_and_no_program()
    {
        CopyTemplates();
        Directory.CreateDirectory(Path.Combine(_folder, "fr"));
        foreach (var file in Directory.GetFiles(Path.Combine(_folder, "en")))
        {
            File.Copy(file, Path.Combine(_folder, "fr", Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(_folder, "fr", "low-stock.txt"), "Subject: Stock faible : {{sku}}\n\nIl reste {{available}}.\n");
        var templates = MailTemplates.Load(_folder, Options);
        Sample(templates, MailTemplate.LowStock, "fr-CA").Subject.ShouldBe("Stock faible : NOTEBOOK-14");
    }

    [Fact]
    public void A_value_with_markup_stays_text_in_the_html_of_every_mail()
    {
        const string Markup = "<b>Ada</b> {{shopName}}";
        var templates = MailTemplates.Load(Shipped, Options);
        foreach (var template in MailTemplate.ForCustomers)
        {
            var mail = templates.Render(template.Name, "en", MailModel.Of(template.Sample, Audiences.Customer, Markup, Options));
            mail.Html.ShouldNotContain("<b>");
            if (template.Name is MailTemplate.EmailVerification or MailTemplate.EmailConfirmation)
            {
                // To an address that is not known to be theirs: no word of whoever typed it.
                mail.Html.ShouldNotContain("Ada&lt;");
                mail.Text.ShouldNotContain(Markup);
                continue;
            }

            mail.Html.ShouldContain("&lt;b&gt;Ada&lt;/b&gt; {{shopName}}");
            mail.Text.ShouldContain(Markup);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RenderedMail Sample(MailTemplates templates, string template, string? locale) =>
        templates.Render(template, locale, MailModel.Of(MailTemplate.Named(template).Sample, Audiences.Customer, "Ada Lovelace", Options));

    private void CopyTemplates()
    {
        foreach (var file in Directory.GetFiles(Shipped, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_folder, Path.GetRelativePath(Shipped, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
