using System.Globalization;
using System.Text.Json.Nodes;

namespace Shop.Chaos.Fuzz;

/// <summary>Values that the services accept: what a schema asks for, with a meaning where its name has one.</summary>
/// <param name="random">Seeded.</param>
/// <param name="known">Ids that earlier answers have named, by the resource that they belong to; null where there are none.</param>
public sealed class Sense(Random random, Func<string, string?> known)
{
    public const string Password = "correct horse battery staple";

    /// <summary>Begins the number of everything that a fuzzer sells.</summary>
    public const string SkuPrefix = "FUZZ-";

    // Retried as slowly as one may ask for it, the market's poison would be away when it is looked for.
    private const string Rate = "rate";

    // Every dead letter of a fuzzer's thousands again, and again, keeps the services busy for longer than it teaches anything.
    private const string Limit = "limit";

    private static readonly Dictionary<string, string[]> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["currency"] = ["EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD", "JPY"],
        ["country"] = ["DE", "FR", "GB", "US"],
        ["amount"] = ["19.99", "0.01", "5.00", "1000000.00"],
        ["paymentMethod"] = ["pm_card_visa", "pm_card_declined", "pm_card_visa", "pm_card_flaky", "pm_nobody_knows"],
        ["password"] = [Password],
        ["newPassword"] = [Password],
        ["grant_type"] = ["password", "refresh_token", "client_credentials", "authorization_code"],
        ["role"] = ["customer"],    // a customer who becomes an operator sees, and names, what the market lives on
        ["eventTypes"] = ["shop.order.*", "shop.payment.processed.v1", "*"],
        ["types"] = ["shop.order.shipped.v1"],
        ["url"] = ["http://127.0.0.1:9/fuzz"],
        ["destination"] = ["nobody.reads-this"],
        ["source"] = ["web"],
        ["name"] = ["sales", "Ada Example", "Blue mug"],
        ["queue"] = ["orders.fulfilment", "none"],
        ["trackingNumber"] = ["PX123456789"],
        ["kind"] = ["refused"],
    };

    public JsonNode? Of(Operation operation, JsonNode described, string name)
    {
        var schema = operation.Resolve(described);
        if (schema["enum"] is JsonArray choices)
        {
            return choices[random.Next(choices.Count)]?.DeepClone();
        }

        switch ((string?)schema["type"])
        {
            case "object":
                var members = new JsonObject();
                var required = schema["required"]?.AsArray().Select(r => (string)r!).ToHashSet() ?? [];
                foreach (var (key, member) in schema["properties"]?.AsObject().ToArray() ?? [])
                {
                    if (key != Rate && (key == Limit || required.Contains(key) || random.Next(3) == 0))
                    {
                        members[key] = Of(operation, member!, key);
                    }
                }

                return members;
            case "array":
                var count = Math.Max((int?)schema["minItems"] ?? 0, random.Next(2) == 0 ? 1 : random.Next(4));
                return new JsonArray([.. Enumerable.Range(0, count).Select(_ => Of(operation, schema["items"]!, name))]);
            case "integer":
            case "number":
                var least = Number(schema["minimum"], 0);
                return JsonValue.Create(least + (decimal)Math.Floor(random.NextDouble() * (double)Math.Min(20, Number(schema["maximum"], 20) - least)));
            case "boolean":
                return random.Next(2) == 0;
            case "string":
                return Text(schema, name);
            default:
                return JsonValue.Create("anything");
        }
    }

    /// <summary>An id of one that there is, of one that there was, or of none.</summary>
    public string Id(string resource, string name) => name switch
    {
        "{userId}" => Id("users"),
        "{orderId}" => Id("orders"),
        "{name}" => "sales",
        _ => Id(resource),
    };

    private string Id(string resource) =>
        known(resource) is { } id && random.Next(10) > 0 ? id : resource is "products" or "stock" ? Sku() : Guid.NewGuid().ToString();

    private string Text(JsonNode schema, string name)
    {
        if (Words.TryGetValue(name, out var words))
        {
            return words[random.Next(words.Length)];
        }

        return ((string?)schema["format"], name) switch
        {
            ("date-time", _) => TimeProvider.System.GetUtcNow().AddMinutes(random.Next(-5_000, 5_000)).ToString("O", CultureInfo.InvariantCulture),
            ("date", _) => TimeProvider.System.GetUtcNow().AddDays(random.Next(-50, 50)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ("uuid", _) => Id(name == "orderId" ? "orders" : name == "userId" ? "users" : name),
            (_, "sku") => random.Next(10) == 0 ? Sku() : Id("stock"),
            (_, "username") when known("emails") is { } email => email,
            (_, "email" or "username") => $"fuzz-{random.NextInt64():x}@example.com",
            (_, "client_id") => "console",
            _ when (int?)schema["maxLength"] is { } longest => new string('a', Math.Min(longest, random.Next(1, 30))),
            _ => "some text",
        };
    }

    private string Sku() => $"{SkuPrefix}{random.Next(1_000)}";

    private static decimal Number(JsonNode? bound, decimal otherwise) =>
        bound is null ? otherwise : decimal.Parse(bound.ToString(), CultureInfo.InvariantCulture);
}
