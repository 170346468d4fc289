using Chassis.Web;
using Microsoft.Extensions.Options;

namespace ShopConsole.SignIn;

/// <summary>Inside a network of containers the issuer is reached by another name than the one in its documents, by which browsers reach it.</summary>
internal sealed class IssuerFromHere(IServiceProvider services) : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false })
{
    private readonly AuthenticationSettings _settings = services.GetRequiredService<IOptions<AuthenticationSettings>>().Value;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = new Uri(_settings.UnderAuthority(request.RequestUri!.AbsoluteUri));
        return base.SendAsync(request, cancellationToken);
    }
}
