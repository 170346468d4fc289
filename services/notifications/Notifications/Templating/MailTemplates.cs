using System.Collections.Frozen;
using Fluid;
using Fluid.Values;
using Notifications.Mails;

namespace Notifications.Templating;

/// <summary>A mail as it goes out.</summary>
public sealed record RenderedMail(string Subject, string Text, string Html, string Language);

/// <summary>The templates of every language, read and checked when the service starts.</summary>
public sealed class MailTemplates
{
    public const string Fallback = "en";

    private readonly FrozenDictionary<string, LanguageFolder> _languages;

    private MailTemplates(FrozenDictionary<string, LanguageFolder> languages) => this._languages = languages;

    private sealed record Parts(Template Subject, Template Text, Template Html);

    private sealed record LanguageFolder(string Tag, TemplateOptions Options, Template TextLayout, Template HtmlLayout, FrozenDictionary<string, Parts> Mails);

    public IReadOnlyCollection<string> Languages => _languages.Keys;

    /// <summary>Reads one folder per language.</summary>
    /// <exception cref="TemplateException">A file is missing, or a template asks for what there is not.</exception>
    public static MailTemplates Load(string path, MailOptions options)
    {
        // What every mail names: the shop and how to reach it.
        var everywhere = new Dictionary<string, string>
        {
            ["shopName"] = options.ShopName,
            ["shopUrl"] = options.ShopUrl.ToString().TrimEnd('/'),
            ["supportEmail"] = options.SupportEmail,
        };
        var languages = Directory.GetDirectories(path).ToFrozenDictionary(d => Path.GetFileName(d)!, d => Read(d, everywhere));
        if (!languages.ContainsKey(Fallback))
        {
            throw new TemplateException($"{path} has no folder '{Fallback}', which is used for everybody whose language is not there.");
        }

        foreach (var folder in languages.Values)
        {
            foreach (var template in MailTemplate.All)
            {
                var names = Names(MailModel.Of(template.Sample, Audiences.Customer, "", options));
                var (subject, text, html) = folder.Mails[template.Name];
                Array.ForEach([subject, text, html], t => t.Check(names));
            }

            Array.ForEach([folder.TextLayout, folder.HtmlLayout], t => t.Check(Names(new { Subject = "", Content = "" })));
        }

        return new MailTemplates(languages);

        Dictionary<string, Type> Names(object model) =>
            new(Template.NamesOf(model.GetType()).Concat(everywhere.Keys.Select(k => KeyValuePair.Create(k, typeof(string)))));
    }

    /// <summary>Writes a mail.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="locale">BCP 47 tag of the reader, or null; <c>de-AT</c> gets <c>de</c>, and what is not there English.</param>
    /// <param name="model">The values of this mail, see <see cref="MailModel.Of"/>.</param>
    public RenderedMail Render(string template, string? locale, object model)
    {
        var folder = Folder(locale);
        var parts = folder.Mails[template];
        var context = new TemplateContext(model, folder.Options);

        // A subject is one line, whatever a product or a person is called.
        var subject = string.Join(' ', parts.Subject.Render(context).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return new RenderedMail(subject, Framed(parts.Text, folder.TextLayout), Framed(parts.Html, folder.HtmlLayout), folder.Tag);

        // What is rendered already is not escaped again.
        string Framed(Template part, Template layout) => layout.Render(new TemplateContext(folder.Options)
            .SetValue("subject", new StringValue(subject)).SetValue("content", new StringValue(part.Render(context).Trim(), encode: false)));
    }

    private static LanguageFolder Read(string folder, Dictionary<string, string> everywhere)
    {
        var options = Template.OptionsOf(Language.Parse(Content("language.json"), Path.Combine(folder, "language.json")));
        everywhere.ToList().ForEach(v => options.Scope.SetValue(v.Key, new StringValue(v.Value)));
        return new LanguageFolder(
            Path.GetFileName(folder),
            options,
            Part("layout.txt"),
            Part("layout.html"),
            MailTemplate.All.ToFrozenDictionary(t => t.Name, t => ReadMail(t.Name)));

        Parts ReadMail(string name)
        {
            const string Prefix = "Subject:";
            var file = Path.Combine(folder, name + ".txt");
            var text = Content(name + ".txt");
            var end = text.IndexOf('\n', StringComparison.Ordinal);
            if (end < 0 || !text.StartsWith(Prefix, StringComparison.Ordinal) || string.IsNullOrWhiteSpace(text[Prefix.Length..end]))
            {
                throw new TemplateException($"{file}, line 1: the first line must be 'Subject: …', and the text of the mail follows it.");
            }

            // The end of the first line stays with the text, so that the lines in messages are those of the file.
            return new Parts(
                new Template(text[Prefix.Length..end].Trim(), html: false, file), new Template(text[end..], html: false, file), Part(name + ".html"));
        }

        Template Part(string name) => new(Content(name), html: name.EndsWith(".html", StringComparison.Ordinal), Path.Combine(folder, name));

        string Content(string name)
        {
            var file = Path.Combine(folder, name);
            return File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : throw new TemplateException($"The template {file} is missing.");
        }
    }

    private LanguageFolder Folder(string? locale)
    {
        for (var tag = locale?.ToLowerInvariant(); !string.IsNullOrEmpty(tag); tag = tag.LastIndexOf('-') is > 0 and var i ? tag[..i] : null)
        {
            if (_languages.TryGetValue(tag, out var folder))
            {
                return folder;
            }
        }

        return _languages[Fallback];
    }
}
