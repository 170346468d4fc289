using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chassis.Testing;

/// <summary>
/// A fresh RabbitMQ virtual host, deleted with everything in it at the end. Queues are under the policies of <c>deploy/rabbitmq/definitions.json</c>: without
/// them the broker drops what it cannot deliver.
/// </summary>
public sealed class TestVhost : IAsyncDisposable
{
    // As the definitions call them.
    private const string AllEvents = "shop.events";
    private const string Unrouted = "shop.unrouted";

    private readonly HttpClient _management;
    private readonly string _name;
    private readonly List<string> _users = [];

    private TestVhost(string name)
    {
        this._name = name;
        _management = Management();
        Uri = new UriBuilder(TestServers.RabbitMq) { Path = name }.Uri;
    }

    /// <summary><c>amqp://user:password@host:port/vhost</c>.</summary>
    public Uri Uri { get; }

    public string Name => _name;

    /// <summary>The one account that tests have on the broker, where they do not make another.</summary>
    public static string Account => Uri.UnescapeDataString(TestServers.RabbitMq.UserInfo.Split(':')[0]);

    /// <summary>A name for an account that nobody has.</summary>
    public static string NewAccount() => $"test_{Guid.CreateVersion7():n}";

    /// <summary>Settings of a service, by key with colons, that say that every other service has this account as well.</summary>
    public static IEnumerable<KeyValuePair<string, string>> OneAccountForAll =>
        Definitions("permissions").Select(p => (string)p["user"]!).Distinct().Select(service => KeyValuePair.Create($"Messaging:Accounts:{service}", Account));

    public static async Task<TestVhost> CreateAsync()
    {
        var vhost = new TestVhost($"test_{Guid.CreateVersion7():n}");
        await vhost.PutAsync($"api/vhosts/{vhost._name}", new { });
        await vhost.PutAsync($"api/permissions/{vhost._name}/{Uri.EscapeDataString(Account)}", new { configure = ".*", write = ".*", read = ".*" });
        await vhost.ProvisionAsync();

        Evidence.Offer(vhost, vhost.LookAsync);
        return vhost;
    }

    /// <summary>
    /// An account with the rights that a service has in an installation. It is not called like the service, since the broker has one of each name for all
    /// tests.
    /// </summary>
    /// <returns>Where it connects to.</returns>
    public async Task<Uri> CreateServiceAccountAsync(string service)
    {
        var uri = await CreateUserAsync("^$", "^$", "^$");
        await GrantAsync(service, uri.UserInfo.Split(':')[0]);
        return uri;
    }

    /// <summary>Gives the account of a service every right, until this is disposed. What is known of its rights on open channels stays.</summary>
    public async Task<IAsyncDisposable> WidenAsync(string service, string account)
    {
        await PutAsync($"api/permissions/{_name}/{account}", new { configure = ".*", write = ".*", read = ".*" });
        await PutAsync($"api/topic-permissions/{_name}/{account}", new { exchange = AllEvents, write = ".*", read = ".*" });
        return new Resumption(() => GrantAsync(service, account));
    }

    /// <summary>
    /// Puts the queues of a service under the policy of the shop's services: of one that is only there in tests, or with a limit that a test can reach.
    /// </summary>
    /// <param name="service">The first part of the queues' names.</param>
    /// <param name="deliveryLimit">Instead of the usual one.</param>
    public Task SetQueuePolicyAsync(string service, int? deliveryLimit = null)
    {
        var policy = Policies("queues").Single(p => (string?)p["name"] == "orders");
        policy["pattern"] = $@"^{service}\.";
        policy["definition"]!["dead-letter-exchange"] = $"{service}.dead-letters";
        policy["definition"]!["delivery-limit"] = deliveryLimit ?? (int)policy["definition"]!["delivery-limit"]!;
        return PutResourceAsync($"policies/{service}", policy);
    }

    /// <summary>What no queue takes lies in <c>shop.unrouted</c> from now on, as in an installation.</summary>
    public async Task KeepUnroutedAsync()
    {
        await PutResourceAsync($"exchanges/{Unrouted}", new { type = "fanout", durable = true });
        var arguments = new Dictionary<string, string> { ["x-queue-type"] = TestServers.NodesOf(Uri).Count > 1 ? "quorum" : "classic" };
        await PutResourceAsync($"queues/{Unrouted}", new { durable = true, arguments });
        using (var bound = await _management.PostAsJsonAsync(
            new Uri($"api/bindings/{_name}/e/{Unrouted}/q/{Unrouted}", UriKind.Relative), new { routing_key = "" }))
        {
            bound.EnsureSuccessStatusCode();
        }

        foreach (var policy in Policies("exchanges"))
        {
            await PutResourceAsync($"policies/{policy["name"]}", policy);
        }
    }

    /// <summary>Asks the management API about this virtual host, for example <c>queues</c> or <c>queues/{name}</c> or <c>bindings</c>.</summary>
    public async Task<JsonElement> GetAsync(string resource)
    {
        var parts = resource.Split('/', 2);
        var address = new Uri($"api/{parts[0]}/{_name}{(parts.Length > 1 ? $"/{parts[1]}" : "")}", UriKind.Relative);
        JsonElement answer = default;

        // The API itself fails now and then while a queue begins or ends (RabbitMQ 3.10.8: 500): that says nothing of what is asked.
        await Poll.UntilAsync(
            async () =>
            {
                using var response = await _management.GetAsync(address);
                if (response.StatusCode >= HttpStatusCode.InternalServerError)
                {
                    return false;
                }

                response.EnsureSuccessStatusCode();
                answer = await response.Content.ReadFromJsonAsync<JsonElement>();
                return true;
            },
            $"the broker's API to answer for {resource}");
        return answer;
    }

    /// <summary>The routing keys of what waits in a queue, the oldest first; it goes back to its place.</summary>
    public async Task<IReadOnlyList<string>> WaitingAsync(string queue)
    {
        using var response = await _management.PostAsJsonAsync(
            new Uri($"api/queues/{_name}/{queue}/get", UriKind.Relative),
            new { count = 10_000, ackmode = "ack_requeue_true", encoding = "base64", truncate = 1 });
        response.EnsureSuccessStatusCode();
        return [.. (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray().Select(m => m.GetProperty("routing_key").GetString()!)];
    }

    /// <summary>Creates or changes something in this virtual host, for example <c>policies/unrouted</c>.</summary>
    public Task PutResourceAsync(string resource, object body)
    {
        var parts = resource.Split('/', 2);
        return PutAsync($"api/{parts[0]}/{_name}/{parts[1]}", body);
    }

    /// <summary>
    /// Stops the process of a quorum queue as a whole: it confirms nothing, as one that has lost its majority, until this is disposed. What was sent to it
    /// meanwhile is taken then.
    /// </summary>
    public async Task<IAsyncDisposable> SuspendAsync(string queue)
    {
        await OnQueueAsync("suspend");
        return new Resumption(() => OnQueueAsync("resume"));

        Task OnQueueAsync(string what) => TestServers.RabbitMqCtlAsync(
            "-q", "eval", $"{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{_name}\">>, queue, <<\"{queue}\">>)), ok = sys:{what}(amqqueue:get_pid(Q)).");
    }

    /// <summary>Makes a broker user with these rights in this virtual host and no others.</summary>
    /// <param name="configure">What it may declare and delete, as a regular expression.</param>
    /// <param name="write">Where it may publish to.</param>
    /// <param name="read">What it may consume and bind to.</param>
    /// <param name="name">Its name on the broker, of which there is one for all tests; null for one that nobody else has.</param>
    /// <param name="tags">Its tags, separated by commas.</param>
    /// <returns>Where it connects to.</returns>
    public async Task<Uri> CreateUserAsync(string configure, string write, string read, string? name = null, string tags = "")
    {
        var user = name ?? NewAccount();
        _users.Add(user);
        await PutAsync($"api/users/{user}", new { password = user, tags });
        await PutAsync($"api/permissions/{Name}/{user}", new { configure, write, read });
        return new UriBuilder(Uri) { UserName = user, Password = user }.Uri;
    }

    /// <summary>An account that may do everything here, also sign with the names of others: for those who play them.</summary>
    /// <returns>Where it connects to.</returns>
    public Task<Uri> CreateImpersonatorAsync() => CreateUserAsync(".*", ".*", ".*", tags: "impersonator");

    /// <summary>Has the broker close every connection to this virtual host, politely, as an operator does.</summary>
    public async Task CloseConnectionsAsync()
    {
        var connections = await _management.GetFromJsonAsync<JsonElement>(new Uri($"api/vhosts/{_name}/connections", UriKind.Relative));
        foreach (var connection in connections.EnumerateArray())
        {
            using var closed = await _management.DeleteAsync(new Uri(
                $"api/connections/{Uri.EscapeDataString(connection.GetProperty("name").GetString()!)}", UriKind.Relative));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Evidence.Withdraw(this);
        foreach (var user in _users)
        {
            using var deleted = await _management.DeleteAsync(new Uri($"api/users/{user}", UriKind.Relative));
        }

        using var response = await _management.DeleteAsync(new Uri($"api/vhosts/{_name}", UriKind.Relative));
        _management.Dispose();
    }

    // Queues in which something waits, or that nobody reads. The broker counts every few seconds; until then a queue has no figures.
    private async Task<IEnumerable<string>> LookAsync()
    {
        return (await GetAsync("queues")).EnumerateArray()
            .Select(
                q => (
                    Name: q.GetProperty("name").GetString(),
                    Ready: Of(q, "messages_ready"),
                    Taken: Of(q, "messages_unacknowledged"),
                    Consumers: Of(q, "consumers")))
            .Where(q => q is not (_, 0, 0, > 0))
            .Select(q => $"{_name}: {q.Name} has {q.Ready} ready, {q.Taken} not acknowledged, {q.Consumers} consumers");

        static long? Of(JsonElement queue, string figure) => queue.TryGetProperty(figure, out var value) ? value.GetInt64() : null;
    }

    /// <summary>
    /// The exchanges of an installation with what binds them to each other, and the policies of its queues; without what keeps that which no queue takes.
    /// </summary>
    private async Task ProvisionAsync()
    {
        using var provisioned = await _management.PostAsJsonAsync(new Uri($"api/definitions/{_name}", UriKind.Relative), new
        {
            exchanges = Definitions("exchanges").Where(e => (string?)e["name"] != Unrouted).Select(Here),
            bindings = Definitions("bindings").Where(b => (string?)b["source"] != Unrouted).Select(Here),
            policies = Policies("queues").Select(Here),
        });
        provisioned.EnsureSuccessStatusCode();
    }

    /// <summary>The policies of exchanges or queues, as the broker of an installation gets them.</summary>
    private static IEnumerable<JsonNode> Policies(string applyTo) => Definitions("policies").Where(p => (string?)p["apply-to"] == applyTo);

    private async Task GrantAsync(string service, string account)
    {
        foreach (var rights in Definitions("permissions").Where(p => (string?)p["user"] == service))
        {
            await PutAsync($"api/permissions/{_name}/{account}", Here(rights));
        }

        foreach (var rights in Definitions("topic_permissions").Where(p => (string?)p["user"] == service))
        {
            await PutAsync($"api/topic-permissions/{_name}/{account}", Here(rights));
        }
    }

    /// <summary>A definition for this virtual host and its accounts, in place of those that it names.</summary>
    private static JsonObject Here(JsonNode definition)
    {
        var here = definition.DeepClone().AsObject();
        here.Remove("vhost");
        here.Remove("user");
        return here;
    }

    private static IEnumerable<JsonNode> Definitions(string kind) =>
        JsonNode.Parse(File.ReadAllText(Repository.PathOf("deploy/rabbitmq/definitions.json")))![kind]!.AsArray().OfType<JsonNode>();

    private static HttpClient Management()
    {
        var uri = TestServers.RabbitMqManagement;
        var client = new HttpClient { BaseAddress = new Uri(uri.GetLeftPart(UriPartial.Authority).Replace(uri.UserInfo + "@", "", StringComparison.Ordinal)) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(uri.UserInfo))));
        return client;
    }

    private async Task PutAsync(string path, object body)
    {
        using var response = await _management.PutAsJsonAsync(new Uri(path, UriKind.Relative), body);
        response.EnsureSuccessStatusCode();
    }

    private sealed class Resumption(Func<Task> resume) : IAsyncDisposable
    {
        private Func<Task>? _resume = resume;

        public async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _resume, null) is { } resume)
            {
                await resume();
            }
        }
    }
}
