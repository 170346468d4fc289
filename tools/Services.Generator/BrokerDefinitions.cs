using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Contracts;

namespace Services.Generator;

/// <summary>
/// What the broker is told at its start: a user, rights and a policy for each service that speaks to it, an exchange for each boundary event. A service
/// configures and writes its own queues, the exchanges of its own events, and queues that nobody else has named; it reads every event.
/// </summary>
public sealed class BrokerDefinitions(IReadOnlyList<Service> services)
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string Prefix = ShopContracts.Exchanges.Namespace;

    /// <summary>The definitions with the services and events of today; what is neither stays as it is.</summary>
    public string Update(string definitions)
    {
        var root = JsonNode.Parse(definitions)!.AsObject();
        Replace(root, "users", u => Text(u, "name") != "${RABBITMQ_USER}", services.Select(User));
        Replace(root, "permissions", p => Text(p, "user") != "${RABBITMQ_USER}", services.Select(Permission));
        Replace(root, "topic_permissions", _ => true, services.Select(TopicPermission));
        Replace(root, "policies", p => IsOfService(p), services.Select(Policy));
        var events = ShopContracts.Catalogue.All.Select(e => e.Type).ToList();
        Replace(root, "exchanges", e => Text(e, "type") == "fanout" && Text(e, "name") != $"{Prefix}.unrouted", events.Select(Exchange));
        Replace(root, "bindings", b => Text(b, "routing_key").Length > 0, events.SelectMany(Bindings));
        return root.ToJsonString(Format) + "\n";
    }

    /// <summary>In the place of the first that is replaced, since a reader of a change wants to see no more than changed.</summary>
    private static void Replace(JsonObject root, string kind, Func<JsonNode, bool> old, IEnumerable<JsonObject> now)
    {
        var all = root[kind]!.AsArray().Select(n => n!).ToList();
        var at = all.FindIndex(n => old(n));
        root[kind]!.AsArray().Clear();
        var kept = all.Where(n => !old(n)).ToList();
        kept.InsertRange(at < 0 ? kept.Count : at, now);
        root[kind] = new JsonArray([.. kept]);
    }

    private static string Text(JsonNode node, string name) => (string)node[name]!;

    private static bool IsOfService(JsonNode policy) => Text(policy, "pattern") == $"^{Text(policy, "name")}\\." && policy["definition"]!["delivery-limit"] is not null;

    private static JsonObject User(Service service) => new()
    {
        ["name"] = service.Name, ["password"] = $"${{{service.Variable}_BROKER_PASSWORD}}", ["tags"] = new JsonArray(),
    };

    private JsonObject Permission(Service service)
    {
        var own = $"{service.Name}\\..*";
        var about = $"{About(service)}\\..*";
        string[] reserved = [.. services.Select(s => s.Name), Prefix, "amq", .. service.ReplaysToPartners ? (string[])[] : ["partner"]];
        string[] writes =
        [
            own, .. service.WritesTo.Select(q => q.Replace(".", "\\.", StringComparison.Ordinal)), $"{Prefix}\\.({about}|events|replay)",
            $"(?!({string.Join('|', reserved)})\\.).*",
        ];
        return new JsonObject
        {
            ["user"] = service.Name,
            ["vhost"] = "/",
            ["configure"] = $"^({own}|{Prefix}\\.({about}|events|replay|returned))$",
            ["write"] = $"^({string.Join('|', writes)})$",
            ["read"] = $"^({own}|{Prefix}\\..*)$",
        };
    }

    private static JsonObject TopicPermission(Service service) => new()
    {
        ["user"] = service.Name,
        ["vhost"] = "/",
        ["exchange"] = $"{Prefix}.events",
        ["write"] = $"^{Prefix}\\.{About(service)}\\.",
        ["read"] = ".*",
    };

    // Every service tells that it has started.
    private static string About(Service service) => service.Publishes.Count == 0 ? "system" : $"({string.Join('|', [.. service.Publishes, "system"])})";

    private static JsonObject Policy(Service service) => new()
    {
        ["vhost"] = "/",
        ["name"] = service.Name,
        ["pattern"] = $"^{service.Name}\\.",
        ["apply-to"] = "queues",
        ["priority"] = 0,
        ["definition"] = new JsonObject
        {
            ["delivery-limit"] = 20,
            ["dead-letter-exchange"] = $"{service.Name}.dead-letters",
            ["dead-letter-strategy"] = "at-least-once",
            ["overflow"] = "reject-publish",
        },
    };

    private static JsonObject Exchange(string type) => new()
    {
        ["name"] = type, ["vhost"] = "/", ["type"] = "fanout", ["durable"] = true, ["auto_delete"] = false, ["internal"] = false, ["arguments"] = new JsonObject(),
    };

    private static IEnumerable<JsonObject> Bindings(string type) => [Binding(type, $"{Prefix}.events", type), Binding($"{Prefix}.returned", type, type)];

    private static JsonObject Binding(string source, string destination, string key) => new()
    {
        ["source"] = source,
        ["vhost"] = "/",
        ["destination"] = destination,
        ["destination_type"] = "exchange",
        ["routing_key"] = key,
        ["arguments"] = new JsonObject(),
    };
}
