using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chassis.Web;

/// <summary>One page of a list.</summary>
/// <param name="Items">The page.</param>
/// <param name="NextCursor">Pass it as <c>?cursor=</c> to get the next page; null on the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

public static class Page
{
    /// <summary>Makes a page of rows that were read with one more than <see cref="PageQuery.Size"/>.</summary>
    public static Page<T> Of<T, TCursor>(IReadOnlyList<T> rows, PageQuery query, Func<T, TCursor> cursorOf) =>
        rows.Count <= query.Size
            ? new Page<T>(rows, null)
            : new Page<T>([.. rows.Take(query.Size)], Cursor.Encode(cursorOf(rows[query.Size - 1])));
}

/// <summary><c>?limit=</c> (1..200, default 50) and <c>?cursor=</c>; bind it with <c>[AsParameters]</c>.</summary>
public readonly record struct PageQuery(
    [property: Range(1, PageQuery.MaxSize)] int? Limit = null, [property: MaxLength(Web.Cursor.MaxLength)] string? Cursor = null)
{
    public const int DefaultSize = 50;
    public const int MaxSize = 200;

    /// <summary>How many items a page has.</summary>
    /// <exception cref="ProblemException">400 when the limit is out of range.</exception>
    public int Size => Limit switch
    {
        null => DefaultSize,
        >= 1 and <= MaxSize => Limit.Value,
        _ => throw ProblemException.Invalid("limit", $"must be between 1 and {MaxSize}."),
    };

    /// <summary>Where the page before ended, or null for the first page.</summary>
    /// <exception cref="ProblemException">400 when the cursor is not one of ours.</exception>
    public T? After<T>()
        where T : struct => string.IsNullOrEmpty(Cursor) ? null : Web.Cursor.Decode<T>(Cursor);
}

/// <summary>Opaque cursors: the sort key of the last item, in a form that survives a URL.</summary>
public static class Cursor
{
    /// <summary>Characters; none of ours has as many.</summary>
    public const int MaxLength = 1000;

    private static readonly JsonSerializerOptions Strict = new() { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public static string Encode<T>(T key) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(key));

    /// <exception cref="ProblemException">400 when the cursor is not one of ours.</exception>
    public static T Decode<T>(string cursor)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(Base64Url.DecodeFromChars(cursor), Strict)
                ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is FormatException or JsonException or NotSupportedException)
        {
            throw ProblemException.Invalid("cursor", "is not a cursor of this list.");
        }
    }
}
