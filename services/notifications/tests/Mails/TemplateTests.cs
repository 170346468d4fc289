using Fluid;
using Notifications.Templating;
using Shop.Contracts;

namespace Notifications.Tests.Mails;

public class TemplateTests
{
    private static readonly TemplateOptions Options = Template.OptionsOf(
        Language.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Templates", "de", "language.json")), "language.json"));

    private static readonly object Model = new
    {
        Name = "Ada",
        Missing = (Money?)null,
        Yes = true,
        No = false,
        Total = new Money(1199.5m, "EUR"),
        Day = new DateTimeOffset(2026, 3, 14, 23, 30, 0, TimeSpan.Zero),
        Lines = new[] { new { Sku = "A" }, new { Sku = "B" } },
        None = Array.Empty<string>(),
    };

    private static string Render(string template, bool html = false, object? model = null) =>
        new Template(template, html, "test.txt").Render(new TemplateContext(model ?? Model, Options));

    [Theory]
    [InlineData("Hello {{name}}, {{ name }}!", "Hello Ada, Ada!")]
    [InlineData("{% for line in lines %}{{line.sku}},{% endfor %}", "A,B,")]
    [InlineData("{% for line in lines %}{{name}}:{{line.sku}} {% endfor %}", "Ada:A Ada:B ")]
    [InlineData("{% for line in none %}x{% else %}empty{% endfor %}", "empty")]
    [InlineData("{% if yes %}y{% else %}n{% endif %}{% if no %}y{% else %}n{% endif %}", "yn")]
    [InlineData("{% if missing %}m{% endif %}{% unless missing %}-{% endunless %}{{missing}}", "-")]
    [InlineData("a{% comment %} nobody sees this {% endcomment %}b", "ab")]
    [InlineData("{ {name} } }}", "{ {name} } }}")]
    [InlineData("a\n{%- if yes -%}\nb\n{%- endif -%}\nc\n", "a\nb\nc\n")]
    [InlineData("a\n\n{%- if yes -%}\n\nb\n\n{%- endif -%}\n\nc\n", "a\n\n\nb\n\n\nc\n")]
    [InlineData("a\n  {%- for line in lines -%}  \n- {{line.sku}}\n  {%- endfor -%}\nc", "a\n- A\n- B\nc")]
    [InlineData("{%- if yes -%}\n{%- for line in lines -%}\n{{line.sku}}\n{%- endfor -%}\n{%- endif -%}\n", "A\nB\n")]
    [InlineData("{{total}} {{day}}", "1.199,50 € 14. März 2026")]
    [InlineData("{{name | upcase | append: '!'}}", "ADA!")]
    [InlineData("{% case name %}{% when 'Ada' %}a{% else %}b{% endcase %}", "a")]
    public void A_template_is_filled_in(string template, string expected)
    {
        Check(template);
        Render(template).ShouldBe(expected);
    }

    [Fact]
    public void A_value_cannot_become_markup()
    {
        var model = new { Name = "<script>alert('1')</script> & \"Söhne\"" };
        Render("<p title=\"{{name}}\">", html: true, model).ShouldBe("<p title=\"&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; &quot;Söhne&quot;\">");
        Render("{{name}}", html: false, model).ShouldBe("<script>alert('1')</script> & \"Söhne\"");
    }

    [Fact]
    public void No_filter_lets_markup_through()
    {
        Options.Filters.Count.ShouldBeGreaterThan(5);
        foreach (var (filter, _) in Options.Filters)
        {
            foreach (var arguments in (string[])["", ": name", ": 9", ": 9, name"])
            {
                var template = $"{{{{name | {filter}{arguments}}}}}";
                Render(template, html: true, new { Name = "<b>\n&'\"" }).ShouldNotContain("<", customMessage: template);
            }
        }
    }

    [Fact]
    public void A_value_is_not_read_as_a_template() => Render("{{name}}", model: new { Name = "{{secret}}{% if %}" }).ShouldBe("{{secret}}{% if %}");

    [Theory]
    [InlineData("line\n{{name", "test.txt: End of tag '}}' was expected at (2:7)")]
    [InlineData("{% for line in lines %}x", "test.txt: '{% endfor %}' was expected at (1:")]
    [InlineData("a\n\nb {% endif %}", "test.txt: Unknown tag 'endif' at (3:")]
    [InlineData("{% if a %}{% endfor %}", "test.txt: '{% endif %}' was expected at (1:")]
    [InlineData("{{{name}}}", "test.txt: A value was expected at (1:3)")]
    [InlineData("{{#lines}}{{/lines}}", "test.txt: A value was expected at (1:3)")]
    [InlineData("{{}}", "test.txt: A value was expected at (1:3)")]
    [InlineData("{% include 'file' %}", "test.txt: Unknown tag 'include' at (1:")]
    [InlineData("{% render 'file' %}", "test.txt: Unknown tag 'render' at (1:")]
    [InlineData("{% assign a = lines %}", "test.txt: Unknown tag 'assign' at (1:")]
    [InlineData("{% cycle name %}", "test.txt: Unknown tag 'cycle' at (1:")]
    [InlineData("{% liquid echo name %}", "test.txt: Unknown tag 'liquid' at (1:")]
    [InlineData("{% if name | raw %}{% endif %}", "test.txt: Invalid 'if' tag at (1:")]
    [InlineData("{{ name() }}", "test.txt: Functions are not allowed.")]
    public void A_mistake_is_explained_with_its_place(string template, string message) =>
        Should.Throw<TemplateException>(() => new Template(template, false, "test.txt")).Message.ShouldStartWith(message);

    [Theory]
    [InlineData("a\n{{nmae}}", "test.txt, line 2: there is no value 'nmae' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{{sku}}", "test.txt, line 1: there is no value 'sku' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{% for line in lines %}\n{{line.sk}}\n{% endfor %}", "test.txt, line 2: there is no value 'line.sk' here. These can be used: sku.")]
    [InlineData("{% for line in lines %}{% endfor %}\n{{line.sku}}", "test.txt, line 1: there is no value 'line' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{% if no %}\n{% unless yes %}{{nmae}}{% endunless %}{% endif %}", "test.txt, line 2: there is no value 'nmae' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{% if no %}{% elsif nmae %}{% endif %}", "test.txt, line 1: there is no value 'nmae' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{% case nmae %}{% when 1 %}{% endcase %}", "test.txt, line 1: there is no value 'nmae' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{{ name | append: nmae }}", "test.txt, line 1: there is no value 'nmae' here. These can be used: day, lines, missing, name, no, none, total, yes.")]
    [InlineData("{{ name.length }}", "test.txt, line 1: there is no value 'name.length' here. These can be used: .")]
    [InlineData("{{lines}}", "test.txt, line 1: 'lines' is not a single value. Of a list write the parts: {% for line in lines %} {{ line.sku }} {% endfor %}.")]
    [InlineData("{% for line in lines %}{{line}}{% endfor %}", "test.txt, line 1: 'line' is not a single value. Of a list write the parts: {% for line in lines %} {{ line.sku }} {% endfor %}.")]
    [InlineData("{{lines or name}}", "test.txt, line 1: '' is not a single value. Of a list write the parts: {% for line in lines %} {{ line.sku }} {% endfor %}.")]
    [InlineData("{% for letter in name %}{% endfor %}", "test.txt, line 1: 'for' needs a list of this mail.")]
    [InlineData("{% for i in (1..1000000000) %}{% endfor %}", "test.txt, line 1: 'for' needs a list of this mail.")]
    public void A_wrong_name_is_found_before_a_mail_is_sent(string template, string message) =>
        Should.Throw<TemplateException>(() => Check(template)).Message.ShouldBe(message);

    [Theory]
    [InlineData("{{name | raw}}", "raw")]
    [InlineData("{{name | split: 'a'}}", "split")]
    [InlineData("{{name | upcase | upcas}}", "upcas")]
    [InlineData("{% if no %}{{name | upcase | default: lines}}{% endif %}", "default")]
    public void A_filter_that_does_not_exist_or_writes_without_escaping_is_refused(string template, string filter) =>
        Should.Throw<TemplateException>(() => Check(template)).Message.ShouldStartWith($"test.txt, line 1: there is no filter '{filter}'.");

    private static void Check(string template) => new Template(template, false, "test.txt").Check(Template.NamesOf(Model.GetType()));
}
