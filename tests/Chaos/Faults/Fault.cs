namespace Shop.Chaos.Faults;

/// <summary>Something that goes wrong for a while.</summary>
/// <param name="Kind">What goes wrong, for example <c>kill -9</c>.</param>
/// <param name="Target">To whom.</param>
/// <param name="Duration">How long until it is healed; zero for a blow without duration.</param>
/// <param name="Inject">Makes it happen.</param>
/// <param name="Heal">Ends it; afterwards everything runs again, though not everything may have recovered.</param>
/// <param name="Limit">Within this time after the end of it every order has to be done; null where only the end of the run says so.</param>
/// <param name="Rejoin">Brings back what was not healed, when every order is done without it; null when everything runs again by then.</param>
public sealed record Fault(
    string Kind, string Target, TimeSpan Duration, Func<Task> Inject, Func<Task> Heal, TimeSpan? Limit = null, Func<Task>? Rejoin = null);
