namespace ShopConsole.Api;

/// <summary>What a service has said to a page.</summary>
/// <param name="Value">What was asked for; null where there is trouble.</param>
/// <param name="Trouble">Why there is none.</param>
public sealed record Answer<T>(T? Value, Trouble? Trouble)
    where T : class
{
    public bool IsMissing => Trouble?.Kind == TroubleKind.Missing;
}

/// <summary>Nothing more than that it was done.</summary>
public sealed record Nothing;

public enum TroubleKind
{
    /// <summary>Nobody has answered, or not in time.</summary>
    Away,

    /// <summary>Whoever looks may not.</summary>
    Forbidden,
    Missing,

    /// <summary>Somebody else has acted first, or the thing is in another state.</summary>
    Conflict,

    /// <summary>What was entered is not right.</summary>
    Invalid,

    /// <summary>Anything else that the service has refused or failed at.</summary>
    Failed,
}

/// <param name="Kind">What sort of trouble.</param>
/// <param name="Service">Whose.</param>
/// <param name="Text">In a sentence, for people.</param>
/// <param name="Errors">By field, where something entered is not right.</param>
public sealed record Trouble(TroubleKind Kind, string Service, string Text, IReadOnlyDictionary<string, string[]> Errors)
{
    /// <summary>The text, with whose it is: a service's own words do not say that.</summary>
    public string Sentence => Text.Contains(Service, StringComparison.Ordinal) ? Text : $"{Service}: {Text}";
}

/// <summary>A page of a list.</summary>
/// <param name="Items">The rows.</param>
/// <param name="NextCursor">Where the next page begins; null on the last.</param>
public sealed record Listed<T>(IReadOnlyList<T> Items, string? NextCursor);
