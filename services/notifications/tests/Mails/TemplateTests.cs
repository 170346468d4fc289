using Notifications.Templating;

namespace Notifications.Tests.Mails;

public class TemplateTests
{
    private static readonly Dictionary<string, object?> Model = new()
    {
        ["name"] = "Ada",
        ["missing"] = null,
        ["yes"] = true,
        ["no"] = false,
        ["lines"] = new Dictionary<string, object?>[] { new() { ["sku"] = "A" }, new() { ["sku"] = "B" } },
        ["none"] = Array.Empty<Dictionary<string, object?>>(),
    };

    private static string Render(string template, bool html = false, Dictionary<string, object?>? model = null) =>
        Template.Parse(template, html, "test.txt").Render(model ?? Model);

    [Theory]
    [InlineData("Hello {{name}}, {{ name }}!", "Hello Ada, Ada!")]
    [InlineData("{{#lines}}{{sku}},{{/lines}}", "A,B,")]
    [InlineData("{{#lines}}{{name}}:{{sku}} {{/lines}}", "Ada:A Ada:B ")]
    [InlineData("{{#none}}x{{/none}}{{^none}}empty{{/none}}", "empty")]
    [InlineData("{{#yes}}y{{/yes}}{{^yes}}n{{/yes}}{{#no}}y{{/no}}{{^no}}n{{/no}}", "yn")]
    [InlineData("{{#missing}}m{{/missing}}{{^missing}}-{{/missing}}{{missing}}", "-")]
    [InlineData("a{{! nobody sees this }}b", "ab")]
    [InlineData("{ {name} } }}", "{ {name} } }}")]
    [InlineData("a\n{{#yes}}\nb\n{{/yes}}\nc\n", "a\nb\nc\n")]
    [InlineData("a\n  {{#lines}}  \n- {{sku}}\n  {{/lines}}\nc", "a\n- A\n- B\nc")]
    [InlineData("{{#yes}}\n{{#lines}}\n{{sku}}\n{{/lines}}\n{{/yes}}\n", "A\nB\n")]
    public void A_template_is_filled_in(string template, string expected) => Render(template).ShouldBe(expected);

    [Fact]
    public void A_value_cannot_become_markup()
    {
        var model = new Dictionary<string, object?> { ["name"] = "<script>alert('1')</script> & \"Söhne\"" };
        Render("<p title=\"{{name}}\">", html: true, model).ShouldBe("<p title=\"&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; &quot;Söhne&quot;\">");
        Render("{{name}}", html: false, model).ShouldBe("<script>alert('1')</script> & \"Söhne\"");
    }

    [Fact]
    public void A_value_is_not_read_as_a_template() => Render("{{name}}", model: new() { ["name"] = "{{secret}}" }).ShouldBe("{{secret}}");

    [Theory]
    [InlineData("line\n{{name", "test.txt, line 2: a placeholder is opened with {{ and not closed with }}.")]
    [InlineData("{{#lines}}x", "test.txt, line 1: {{#lines}} is not closed with {{/lines}}.")]
    [InlineData("a\n\nb {{/lines}}", "test.txt, line 3: {{/lines}} closes a part that is not open here.")]
    [InlineData("{{#a}}{{/b}}", "test.txt, line 1: {{/b}} closes a part that is not open here.")]
    [InlineData("{{{name}}}", "test.txt, line 1: {{{name}} is not a placeholder; a name has letters and digits only.")]
    [InlineData("{{>file}}", "test.txt, line 1: {{>file}} is not a placeholder; a name has letters and digits only.")]
    [InlineData("{{}}", "test.txt, line 1: {{}} is not a placeholder; a name has letters and digits only.")]
    public void A_mistake_is_explained_with_its_place(string template, string message) =>
        Should.Throw<TemplateException>(() => Template.Parse(template, false, "test.txt")).Message.ShouldBe(message);

    [Theory]
    [InlineData("a\n{{nmae}}", "test.txt, line 2: there is no value 'nmae' here. These can be used: lines, missing, name, no, none, yes.")]
    [InlineData("{{sku}}", "test.txt, line 1: there is no value 'sku' here. These can be used: lines, missing, name, no, none, yes.")]
    [InlineData("{{#lines}}\n{{sk}}\n{{/lines}}", "test.txt, line 2: there is no value 'sk' here. These can be used: lines, missing, name, no, none, sku, yes.")]
    [InlineData("{{lines}}", "test.txt, line 1: 'lines' is a list: write {{#lines}} … {{/lines}}.")]
    public void A_wrong_name_is_found_before_a_mail_is_sent(string template, string message)
    {
        var sample = new Dictionary<string, object?>(Model) { ["none"] = true };
        Should.Throw<TemplateException>(() => Template.Parse(template, false, "test.txt").Check(sample, "test.txt")).Message.ShouldBe(message);
    }
}
