using System.Text.Encodings.Web;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using Fluid;
using Fluid.Ast;
using Shop.Contracts;

namespace Notifications.Templating;

/// <summary>
/// A small, strict part of Liquid. There is no way to write a value without escaping, to call anything, or to read a file: only the tags and filters
/// that are named here exist, and only a single value can be written, since Fluid writes the entries of a list as they are.
/// </summary>
public sealed class Template
{
    private static readonly string[] Tags = ["if", "unless", "case", "for", "comment"];
    private static readonly string[] Filters = ["append", "capitalize", "downcase", "prepend", "strip", "truncate", "upcase", "url_encode"];

    private static readonly FluidParser Parser = new();

    // Letters of every script stay readable in the source of a mail; what HTML gives a meaning is escaped.
    private static readonly HtmlEncoder Escaper = HtmlEncoder.Create(UnicodeRanges.All);

    private readonly string _file;
    private readonly string _source;
    private readonly TextEncoder _encoder;
    private readonly IFluidTemplate _parsed;

    static Template() => Parser.RegisteredTags.Keys.Except(Tags).ToList().ForEach(tag => Parser.RegisteredTags.Remove(tag));

    /// <param name="source">The template.</param>
    /// <param name="html">Whether values are escaped for HTML.</param>
    /// <param name="file">For messages.</param>
    /// <exception cref="TemplateException">It is no Liquid, or more of it than there is here.</exception>
    public Template(string source, bool html, string file)
    {
        (this._source, this._file, _encoder) = (source, file, html ? Escaper : NullEncoder.Default);
        if (!Parser.TryParse(source, out _parsed, out var error))
        {
            throw new TemplateException($"{file}: {error}");
        }
    }

    /// <summary>What all templates of a language are rendered with: it writes amounts and dates in its way.</summary>
    public static TemplateOptions OptionsOf(Language language)
    {
        var options = new TemplateOptions
        {
            Greedy = false,
            MemberAccessStrategy = new UnsafeMemberAccessStrategy { MemberNameStrategy = MemberNameStrategies.CamelCase },
        };
        options.Filters.Select(f => f.Key).Except(Filters).ToList().ForEach(options.Filters.Remove);
        options.ValueConverters.Add(value => value switch { Money m => language.Write(m), DateTimeOffset t => language.Write(t), _ => null });
        return options;
    }

    /// <summary>The names by which a template finds the properties of a model.</summary>
    public static Dictionary<string, Type> NamesOf(Type model) =>
        model.GetProperties().ToDictionary(p => MemberNameStrategies.CamelCase(p), p => p.PropertyType);

    public string Render(TemplateContext context) => _parsed.Render(context, _encoder);

    /// <summary>Refuses names that there are not, in branches too that are rarely taken, and lists where a value is meant.</summary>
    /// <exception cref="TemplateException">What is wrong, and in which line.</exception>
    public void Check(IReadOnlyDictionary<string, Type> names) => new Checker(this, names).VisitTemplate(_parsed);

    private sealed class Checker(Template template, IReadOnlyDictionary<string, Type> names) : AstVisitor
    {
        private IReadOnlyDictionary<string, Type> _names = names;

        protected override Statement VisitForStatement(ForStatement loop)
        {
            var entry = loop.Source is MemberExpression list ? TypeOf(list).GetElementType() : null;
            var outside = _names;
            _names = new Dictionary<string, Type>(_names) { [loop.Identifier] = entry ?? throw Wrong(loop.Identifier, "'for' needs a list of this mail.") };
            base.VisitForStatement(loop);
            _names = outside;
            return loop;
        }

        protected override Statement VisitOutputStatement(OutputStatement output)
        {
            var value = output.Expression;
            for (; value is FilterExpression filter; value = filter.Input)
            {
                if (!Filters.Contains(filter.Name))
                {
                    throw Wrong(filter.Name, $"there is no filter '{filter.Name}'. These can be used: {string.Join(", ", Filters)}.");
                }
            }

            if (value is not MemberExpression member || !IsValue(TypeOf(member)))
            {
                var name = ((value as MemberExpression)?.Segments[0] as IdentifierSegment)?.Identifier ?? "";
                throw Wrong(name, $"'{name}' is not a single value. Of a list write the parts: {{% for line in lines %}} {{{{ line.sku }}}} {{% endfor %}}.");
            }

            return base.VisitOutputStatement(output);
        }

        protected override Expression VisitMemberExpression(MemberExpression member)
        {
            TypeOf(member);
            return member;
        }

        private Type TypeOf(MemberExpression member)
        {
            var (known, path, type) = (_names, "", typeof(object));
            foreach (var segment in member.Segments)
            {
                path += (path.Length > 0 ? "." : "") + (segment as IdentifierSegment)?.Identifier;
                if (segment is not IdentifierSegment { Identifier: var name } || !known.TryGetValue(name, out type))
                {
                    throw Wrong(path, $"there is no value '{path}' here. These can be used: {string.Join(", ", known.Keys.Order(StringComparer.Ordinal))}.");
                }

                known = IsValue(type) ? new Dictionary<string, Type>() : NamesOf(type);
            }

            return type!;
        }

        private static bool IsValue(Type type) => type == typeof(Money) || (type.Namespace == nameof(System) && !type.IsArray);

        // Fluid does not say where in the source an expression stands.
        private TemplateException Wrong(string text, string message)
        {
            var place = Regex.Match(template._source, $@"\{{[{{%][^{{}}]*?(?<![\w.]){Regex.Escape(text)}(?!\w)");
            return new($"{template._file}, line {template._source[..(place.Index + place.Length)].Count(c => c == '\n') + 1}: {message}");
        }
    }
}
