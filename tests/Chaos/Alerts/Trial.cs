namespace Shop.Chaos.Alerts;

/// <summary>A fault, and the alerts that tell of it.</summary>
/// <param name="Fault">What goes wrong, as docs/operate/alerts.md says it.</param>
/// <param name="Alerts">What has to fire meanwhile, and to stop when all is well again: an alert's name, or <c>name/value</c> with the value of one of its labels.</param>
/// <param name="Inject">Makes it happen; what it gives back ends it.</param>
internal sealed record Trial(string Fault, IReadOnlyList<string> Alerts, Func<Stage, Task<Func<Task>>> Inject);
