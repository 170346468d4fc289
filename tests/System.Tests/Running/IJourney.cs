using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>What a service that has come later brings along for the tests of the whole system, in <c>services/&lt;name&gt;/journey</c>.</summary>
public interface IJourney
{
    /// <summary>Each service's.</summary>
    static IReadOnlyList<IJourney> All { get; } =
    [
        .. typeof(IJourney).Assembly.GetTypes().Where(t => t.IsClass && t.IsAssignableTo(typeof(IJourney))).Select(
            t => (IJourney)Activator.CreateInstance(t)!),
    ];

    /// <summary>Makes every boundary event of the service.</summary>
    /// <param name="shop">The whole system.</param>
    /// <param name="about">Takes the ids of what the events are about.</param>
    Task TravelAsync(RunningShop shop, List<string> about);

    /// <summary>Leaves a text in the service that is the person's, which must be nowhere after an erasure.</summary>
    Task LeaveTraceAsync(ShopClient person, string trace);
}
