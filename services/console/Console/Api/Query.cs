namespace ShopConsole.Api;

/// <summary>A path with what is asked for, escaped; what is not given is left out.</summary>
internal static class Query
{
    public static string Of(string path, params (string Name, string? Value)[] parts)
    {
        var given = parts.Where(p => !string.IsNullOrEmpty(p.Value)).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}");
        return string.Join('?', ((string[])[path, string.Join('&', given)]).Where(p => p.Length > 0));
    }
}
