using System.Net;
using System.Text.Json;
using Microsoft.Kiota.Abstractions;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;
using Microsoft.Kiota.Http.HttpClientLibrary.Middleware.Options;
using Shop.Orders;
using Shop.Orders.Models;
using Shop.Users;
using Shop.Users.Connect.Token;
using Shop.Users.Models;

// A customer that knows the shop by its descriptions only: Buyer USERS-ADDRESS ORDERS-ADDRESS SKU
// Writes what it saw as one line of JSON.
var (usersAddress, ordersAddress, sku) = (args[0], args[1], args[2]);

var email = $"kiota-{Guid.NewGuid():n}@example.com";
const string Password = "correct horse battery staple";
var users = new UsersClient(new HttpClientRequestAdapter(new AnonymousAuthenticationProvider()) { BaseUrl = usersAddress });
await users.V1.Users.PostAsync(new RegisterUserRequest { Email = email, Password = Password, FullName = "Kiota Buyer" }, Once);
var token = await users.Connect.Token.PostAsync(new TokenPostRequestBody { GrantType = "password", Username = email, Password = Password });

var signedIn = new BaseBearerTokenAuthenticationProvider(new Known(token!.AccessToken!));
var orders = new OrdersClient(new HttpClientRequestAdapter(signedIn) { BaseUrl = ordersAddress });
var submit = new SubmitOrderRequest
{
    PaymentMethod = "pm_card_visa",
    ShippingAddress = new AddressRequest { Name = "Kiota Buyer", Line1 = "1 Main Street", City = "Berlin", PostalCode = "10115", Country = "DE" },
};

var placed = new List<OrderView>();
for (var i = 0; i < 3; i++)
{
    placed.Add((await orders.V1.Orders.PostAsync(new CreateOrderRequest { Items = [new ItemRequest { Sku = sku, Quantity = 1 }], Submit = submit }, Once))!);
}

string? conflict = null;
try
{
    await orders.V1.Orders[placed[0].Id!.Value].Items.PostAsync(new ItemRequest { Sku = sku, Quantity = 1 }, Once);
}
catch (Shop.Orders.Models.Problem problem) when (problem.ResponseStatusCode == (int)HttpStatusCode.Conflict)
{
    conflict = problem.Type;
}

var listed = new List<Guid>();
string? cursor = null;
do
{
    var page = await orders.V1.Orders.GetAsync(r => (r.QueryParameters.Limit, r.QueryParameters.Cursor) = (2, cursor));
    listed.AddRange(page!.Items!.Select(o => o.Id!.Value));
    cursor = page.NextCursor;
}
while (cursor is not null);

var headers = new HeadersInspectionHandlerOption { InspectResponseHeaders = true };
var first = (await orders.V1.Orders[placed[0].Id!.Value].GetAsync(r => r.Options.Add(headers)))!;
Console.WriteLine(JsonSerializer.Serialize(new
{
    placed = placed.Select(o => o.Id),
    statuses = placed.Select(o => o.Status.ToString()!.ToLowerInvariant()).Distinct(),
    conflict,
    listed,
    total = first.Total!.Amount,
    name = first.ShippingAddress!.Name,
    submittedAt = first.SubmittedAt,
    etag = headers.ResponseHeaders["ETag"].Single(),
}));

static void Once(RequestConfiguration<DefaultQueryParameters> request) => request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());

internal sealed class Known(string token) : IAccessTokenProvider
{
    public AllowedHostsValidator AllowedHostsValidator { get; } = new();

    public Task<string> GetAuthorizationTokenAsync(
        Uri uri, Dictionary<string, object>? additionalAuthenticationContext = null, CancellationToken cancellationToken = default) =>
        Task.FromResult(token);
}
