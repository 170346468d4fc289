namespace Shop.Chaos.Fuzz;

/// <summary>A request as it can be written down and sent again.</summary>
public sealed record Attempt(string Service, string Method, string Target)
{
    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>In base64 where it is written down.</summary>
    public byte[]? Body { get; set; }

    public string? ContentType { get; set; }

    public string? ContentEncoding { get; set; }

    public HttpRequestMessage ToMessage(Uri address)
    {
        var raw = new Uri(
            $"{address.GetLeftPart(UriPartial.Authority)}{Target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var message = new HttpRequestMessage(new HttpMethod(Method), raw);
        foreach (var (name, value) in Headers)
        {
            // What a client library refuses to send does not arrive.
            message.Headers.TryAddWithoutValidation(name, string.Concat(value.Where(c => c is >= ' ' and < '\x7f').Take(2_000)));
        }

        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", ContentType);
            if (ContentEncoding is not null)
            {
                message.Content.Headers.TryAddWithoutValidation("Content-Encoding", ContentEncoding);
            }
        }

        return message;
    }
}
