using System.Collections.Frozen;
using Notifications.Mails;
using Shop.Contracts;

namespace Notifications.Templating;

/// <summary>A mail as it goes out.</summary>
public sealed record RenderedMail(string Subject, string Text, string Html, string Language);

/// <summary>The templates of every language, read and checked when the service starts.</summary>
public sealed class MailTemplates
{
    public const string Fallback = "en";

    private readonly FrozenDictionary<string, LanguageFolder> languages;

    private MailTemplates(FrozenDictionary<string, LanguageFolder> languages) => this.languages = languages;

    private sealed record Parts(Template Subject, Template Text, Template Html);

    private sealed record LanguageFolder(string Tag, Language Language, Template TextLayout, Template HtmlLayout, FrozenDictionary<string, Parts> Mails);

    public IReadOnlyCollection<string> Languages => languages.Keys;

    /// <summary>Reads one folder per language.</summary>
    /// <exception cref="TemplateException">A file is missing, or a template asks for what there is not.</exception>
    public static MailTemplates Load(string path, MailOptions options)
    {
        if (!Directory.Exists(path))
        {
            throw new TemplateException($"The folder of the mail templates does not exist: {path}");
        }

        var languages = Directory.GetDirectories(path).ToFrozenDictionary(d => Path.GetFileName(d)!, Read);
        if (!languages.ContainsKey(Fallback))
        {
            throw new TemplateException($"{path} has no folder '{Fallback}', which is used for everybody whose language is not there.");
        }

        var templates = new MailTemplates(languages);
        foreach (var (name, folder) in languages)
        {
            foreach (var template in MailTemplate.All)
            {
                var sample = templates.Complete(template.Sample(folder.Language), options);
                var file = Path.Combine(path, name, template.Name);
                folder.Mails[template.Name].Subject.Check(sample, file + ".txt");
                folder.Mails[template.Name].Text.Check(sample, file + ".txt");
                folder.Mails[template.Name].Html.Check(sample, file + ".html");
            }

            var frame = templates.Complete(new Dictionary<string, object?> { ["subject"] = "", ["content"] = new HtmlFragment("") }, options);
            folder.TextLayout.Check(frame, Path.Combine(path, name, "layout.txt"));
            folder.HtmlLayout.Check(frame, Path.Combine(path, name, "layout.html"));
        }

        return templates;
    }

    /// <summary>The language to write in: the user's (<c>de-AT</c> → <c>de</c>), or English.</summary>
    public Language LanguageOf(string? locale) => Folder(locale).Language;

    /// <summary>Writes a mail.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="locale">BCP 47 tag of the reader, or null.</param>
    /// <param name="model">The values of this mail, see <see cref="MailTemplate.Sample"/>.</param>
    /// <param name="options">What every mail names: the shop and how to reach it.</param>
    public RenderedMail Render(string template, string? locale, IReadOnlyDictionary<string, object?> model, MailOptions options)
    {
        var folder = Folder(locale);
        var parts = folder.Mails[template];
        var values = Complete(model, options);

        // A subject is one line, whatever a product or a person is called.
        var subject = string.Join(' ', parts.Subject.Render(values).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return new RenderedMail(
            subject,
            folder.TextLayout.Render(Frame(parts.Text.Render(values).Trim())),
            folder.HtmlLayout.Render(Frame(parts.Html.Render(values))),
            folder.Tag);

        Dictionary<string, object?> Frame(string content) => new(values) { ["subject"] = subject, ["content"] = new HtmlFragment(content) };
    }

    private static LanguageFolder Read(string folder)
    {
        return new LanguageFolder(
            Path.GetFileName(folder),
            Language.Parse(Content("language.json"), Path.Combine(folder, "language.json")),
            Template.Parse(Content("layout.txt"), html: false, Path.Combine(folder, "layout.txt")),
            Template.Parse(Content("layout.html"), html: true, Path.Combine(folder, "layout.html")),
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

            return new Parts(
                Template.Parse(text[Prefix.Length..end].Trim(), html: false, file),
                Template.Parse(text[(end + 1)..], html: false, file, firstLine: 2),
                Template.Parse(Content(name + ".html"), html: true, Path.Combine(folder, name + ".html")));
        }

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
            if (languages.TryGetValue(tag, out var folder))
            {
                return folder;
            }
        }

        return languages[Fallback];
    }

    private Dictionary<string, object?> Complete(IReadOnlyDictionary<string, object?> model, MailOptions options) => new(model)
    {
        ["shopName"] = options.ShopName,
        ["shopUrl"] = options.ShopUrl.ToString().TrimEnd('/'),
        ["supportEmail"] = options.SupportEmail,
    };
}
