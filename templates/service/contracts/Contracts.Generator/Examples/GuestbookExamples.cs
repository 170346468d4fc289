using Shop.Contracts.Guestbook.V1;

namespace Contracts.Generator;

internal sealed class GuestbookExamples : IExamples
{
    public IEnumerable<object> Full =>
    [
        new NoteAdded(
            new Guid("0198f1a2-7c00-7000-8000-00000000f001"),
            new Guid("0198f1a2-7c00-7000-8000-00000000b001"),
            new DateTimeOffset(2026, 3, 14, 9, 26, 53, 589, TimeSpan.Zero)),
    ];

    public IEnumerable<object> Minimal => [];
}
