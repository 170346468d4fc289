using System.Diagnostics;

namespace Chassis;

/// <summary>Goes on with a trace that was written down: in a message, or in the row of something that is to be done.</summary>
public static class TraceContinuation
{
    /// <summary>
    /// The span of what is done now. Where nobody listens it costs nothing and is never exported, and the trace goes on all the same: to log lines, and to
    /// whatever is sent or written down meanwhile.
    /// </summary>
    /// <param name="source">Whose span it is.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="operation">What is done, the first word of the span's name.</param>
    /// <param name="target">With what, the rest of the name: one of a few, never an id.</param>
    /// <param name="traceParent">W3C trace context of whoever wrote it down; null, or text that is none, begins a trace.</param>
    /// <param name="isApart">
    /// It begins a trace of its own, linked to the one that was written down: for what happens so much later, or for so different a reason, that one tree of
    /// both would be wrong.
    /// </param>
    /// <returns>Null where nobody listens and there is nothing to go on with.</returns>
    public static Activity? Continue(
        this ActivitySource source, ActivityKind kind, string operation, string target, string? traceParent, bool isApart = false)
    {
        // Not whatever this thread did before: the parent is whoever wrote it down.
        Activity.Current = null;
        var isKnown = ActivityContext.TryParse(traceParent, null, isRemote: true, out var before);
        var span = !source.HasListeners() ? null
            : isApart && isKnown ? source.StartActivity(kind, default, links: [new ActivityLink(before)], name: $"{operation} {target}")
            : source.StartActivity($"{operation} {target}", kind, before);
        if (span is not null || !isKnown)
        {
            return span;
        }

        var silent = new Activity(operation);
        return isApart ? silent.Start() : silent.SetParentId(before.TraceId, before.SpanId, before.TraceFlags).Start();
    }

    /// <summary>The work failed. What the exception says stays out of the trace: it may quote what the work was about.</summary>
    public static void Fail(this Activity? span, Exception exception) => span.Fail(exception.GetType().FullName ?? exception.GetType().Name);

    /// <param name="span">The span, if there is one.</param>
    /// <param name="error">Why, in one of a few words: the attribute <c>error.type</c>.</param>
    public static void Fail(this Activity? span, string error) => span?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", error);
}
