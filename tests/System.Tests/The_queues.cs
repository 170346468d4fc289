using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>The broker's policies reach every queue that a service has declared; a queue without one would drop what its consumers do not survive.</summary>
public sealed class The_queues(RunningShop shop)
{
    [Fact]
    public async Task Have_no_arguments_but_their_type_and_are_under_a_policy_that_loses_nothing()
    {
        var queues = await Poll.UntilAsync(
            async () => (await shop.Cluster.Vhost.GetAsync("queues")).EnumerateArray().Where(IsQuorum).ToList(),
            found => found.All(q => q.TryGetProperty("effective_policy_definition", out _)),
            "the broker to say which policies are in effect",
            RunningShop.Patience);

        foreach (var service in ShopCluster.ServiceNames)
        {
            queues.ShouldContain(q => NameOf(q) == $"{service}.dead-letters");
        }

        queues.ShouldContain(q => NameOf(q) == "orders.fulfilment");
        foreach (var queue in queues)
        {
            var (name, policy) = (NameOf(queue), queue.GetProperty("effective_policy_definition"));
            queue.GetProperty("arguments").EnumerateObject().Select(a => a.Name).ShouldBe(["x-queue-type"], name);
            Text(policy, "overflow").ShouldBe("reject-publish", name);
            Text(policy, "delivery-limit").ShouldNotBe("", name);
            var isLastResort = name.EndsWith(".dead-letters", StringComparison.Ordinal);
            Text(policy, "dead-letter-exchange").ShouldBe(isLastResort ? "" : $"{name.Split('.')[0]}.dead-letters", name);
            Text(policy, "dead-letter-strategy").ShouldBe(isLastResort ? "" : "at-least-once", name);
        }
    }

    private static bool IsQuorum(JsonElement queue) => queue.GetProperty("type").GetString() == "quorum";

    private static string NameOf(JsonElement queue) => queue.GetProperty("name").GetString()!;

    /// <summary>A part of the policy; empty where it is missing, as it is in all of them where there is no policy.</summary>
    private static string Text(JsonElement policy, string key) =>
        policy.ValueKind == JsonValueKind.Object && policy.TryGetProperty(key, out var value) ? value.ToString() : "";
}
