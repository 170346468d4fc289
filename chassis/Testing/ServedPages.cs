using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Testing;

/// <summary>
/// Every page that a service serves, read as a browser reads it: what stands in it is allowed by the policy that comes with it, what it asks for is there,
/// and nothing comes from another origin.
/// </summary>
public static partial class ServedPages
{
    /// <summary>Asks every address without placeholders and reads what is HTML.</summary>
    /// <param name="services">The service's container.</param>
    /// <param name="client">A client of somebody who may see them all.</param>
    /// <returns>The addresses of the pages.</returns>
    /// <exception cref="InvalidOperationException">Lists everything that a browser would refuse.</exception>
    public static async Task<IReadOnlyList<string>> VerifyAsync(IServiceProvider services, HttpClient client)
    {
        var pages = new List<string>();
        var findings = new List<string>();
        foreach (var path in services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true)
            .Select(e => "/" + Optional().Replace(e.RoutePattern.RawText!, "").Trim('/')).Where(p => !p.Contains('{', StringComparison.Ordinal)).Distinct())
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
            if (answer.Content.Headers.ContentType?.MediaType == "text/html")
            {
                pages.Add(path);
                findings.AddRange((await FindingsAsync(client, path, answer)).Select(f => $"{path}: {f}"));
            }
        }

        return findings.Count == 0
            ? pages
            : throw new InvalidOperationException($"A browser would not show it:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
    }

    private static async Task<List<string>> FindingsAsync(HttpClient client, string path, HttpResponseMessage answer)
    {
        var html = (await answer.Content.ReadAsStringAsync()).ReplaceLineEndings("\n");
        var policy = string.Join(' ', answer.Headers.GetValues("Content-Security-Policy")).Split(';', StringSplitOptions.TrimEntries)
            .Select(d => d.Split(' ')).ToDictionary(d => d[0], d => d[1..]);
        var findings = OtherOrigin().Matches(html).Select(m => $"refers to another origin: {m.Value}").ToList();
        findings.AddRange(policy.SelectMany(d => d.Value)
            .Where(s => s.Contains('.', StringComparison.Ordinal) || s is "*" or "http:" or "https:")
            .Select(s => $"lets another origin in: {s}"));
        CheckOnly("object-src", "'none'");
        CheckOnly("base-uri", Base().IsMatch(html) ? "'self'" : "'none'");
        findings.AddRange(Handler().Matches(html).Select(m => $"has a handler that no policy allows by hash: {m.Value}"));
        if (StyleAttribute().IsMatch(html) && !Allowed("style-src").Contains("'unsafe-inline'"))
        {
            findings.Add("has style attributes, which its policy does not allow");
        }

        foreach (Match block in Block().Matches(html))
        {
            var (element, attributes, text) = (block.Groups[1].Value, block.Groups[2].Value, block.Groups[3].Value);
            var source = Source().Match(attributes);
            var proofs = source.Success ? (string[])["'self'"] : [$"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'"];
            var nonce = Nonce().Match(attributes);
            proofs =
            [
                .. proofs,
                .. nonce.Success ? [$"'nonce-{nonce.Groups[1].Value}'"] : Array.Empty<string>(),
                .. element == "style" ? ["'unsafe-inline'"] : Array.Empty<string>(),
            ];
            if (!Allowed(element + "-src").Intersect(proofs).Any())
            {
                findings.Add($"its policy does not allow {block.Value[..Math.Min(80, block.Value.Length)]}");
            }

            if (source.Success)
            {
                var origin = new Uri(new Uri("http://localhost"), Base().Match(html) is { Success: true } b ? b.Groups[1].Value : path);
                using var script = await client.GetAsync(new Uri(origin, source.Groups[1].Value).PathAndQuery);
                if (!script.IsSuccessStatusCode)
                {
                    findings.Add($"{source.Groups[1].Value} is not there: {(int)script.StatusCode}");
                }
            }
        }

        return findings;

        void CheckOnly(string directive, string source)
        {
            if (policy.GetValueOrDefault(directive) is not [var only] || only != source)
            {
                findings.Add($"its policy says something else than {directive} {source}");
            }
        }

        string[] Allowed(string directive) => policy.GetValueOrDefault(directive) ?? policy["default-src"];
    }

    [GeneratedRegex(@"\{[^}]*\?\}")]
    private static partial Regex Optional();

    [GeneratedRegex("""(src|href|action)="?(https?:)?//[^">]*|url\(\s*['"]?(https?:)?//[^)]*|@import[^;]*""", RegexOptions.IgnoreCase)]
    private static partial Regex OtherOrigin();

    [GeneratedRegex("""<[a-z][^>]*\son[a-z]+=""", RegexOptions.IgnoreCase)]
    private static partial Regex Handler();

    [GeneratedRegex("""<[a-z][^>]*\sstyle=""", RegexOptions.IgnoreCase)]
    private static partial Regex StyleAttribute();

    [GeneratedRegex("""<(style|script)\b([^>]*)>(.*?)</\1>""", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(" src=\"([^\"]+)\"")]
    private static partial Regex Source();

    [GeneratedRegex(" nonce=\"([^\"]+)\"")]
    private static partial Regex Nonce();

    [GeneratedRegex("<base href=\"([^\"]+)\"")]
    private static partial Regex Base();
}
