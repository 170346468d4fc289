using System.Net;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Users.V1;

namespace Shop.Testing;

/// <summary>What every service but the issuer must do when it hears that somebody's sessions have ended.</summary>
/// <param name="service">The service.</param>
/// <param name="path">What everybody who is signed in may read.</param>
public sealed class EndedSessionsCheck<TProgram>(ServiceFixture<TProgram> service, string path)
    where TProgram : class
{
    /// <exception cref="TimeoutException">A token that belongs to a session that has ended goes on working.</exception>
    /// <exception cref="InvalidOperationException">Another one is refused, or works again.</exception>
    public async Task VerifyAsync()
    {
        var (user, neighbour) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var before = service.Tokens.For(user.ToString());
        await MustBeAsync(HttpStatusCode.OK, user, epoch: 0);
        await TellAsync(user, epoch: 2);
        await Poll.UntilAsync(() => AskAsync(user, epoch: 1), s => s == HttpStatusCode.Unauthorized, "the token of a session that has ended to be refused");
        await MustBeAsync(HttpStatusCode.OK, user, epoch: 2);
        await MustBeAsync(HttpStatusCode.OK, neighbour, epoch: 0);
        if (await AskAsync(before) != HttpStatusCode.Unauthorized)
        {
            throw new InvalidOperationException("A token that names no epoch goes on working, though it was issued before the end.");
        }

        // What was told before and arrives late opens nothing again; the neighbour's end, told after it, says that it has arrived.
        await TellAsync(user, epoch: 1);
        await TellAsync(neighbour, epoch: 1);
        await Poll.UntilAsync(() => AskAsync(neighbour, epoch: 0), s => s == HttpStatusCode.Unauthorized, "the neighbour's token to be refused");
        await MustBeAsync(HttpStatusCode.Unauthorized, user, epoch: 1);

        // A single session, and no other of the same user.
        var (one, another) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await TellAsync(new UserSessionEnded(neighbour, one, TimeProvider.System.GetUtcNow()), 2);
        await Poll.UntilAsync(
            () => AskAsync(TokenOf(neighbour, one)), s => s == HttpStatusCode.Unauthorized, "the token of a single session that has ended to be refused");
        if (await AskAsync(TokenOf(neighbour, another)) != HttpStatusCode.OK)
        {
            throw new InvalidOperationException("With one session of a user another one has ended.");
        }

        await service.RestartAsync();
        if (await AskAsync(TokenOf(neighbour, one)) != HttpStatusCode.Unauthorized)
        {
            throw new InvalidOperationException("A single session that has ended goes on after a restart.");
        }

        await MustBeAsync(HttpStatusCode.Unauthorized, user, epoch: 1);
        await MustBeAsync(HttpStatusCode.OK, user, epoch: 2);
    }

    private async Task MustBeAsync(HttpStatusCode expected, Guid user, int epoch)
    {
        if (await AskAsync(user, epoch) is var status && status != expected)
        {
            throw new InvalidOperationException($"A token of epoch {epoch} got {status}, and should have got {expected}.");
        }
    }

    private Task<HttpStatusCode> AskAsync(Guid user, int epoch) => AskAsync(service.Tokens.For(user.ToString(), sessionEpoch: epoch));

    private async Task<HttpStatusCode> AskAsync(string token)
    {
        using var client = service.WithToken(token);
        using var answer = await client.GetAsync(path);
        return answer.StatusCode;
    }

    private string TokenOf(Guid user, Guid session) => service.Tokens.For(user.ToString(), sessionEpoch: 1, sessionId: session);

    private Task TellAsync(Guid user, int epoch) => TellAsync(new UserSessionsEnded(user, epoch, "password_changed", TimeProvider.System.GetUtcNow()), epoch);

    private async Task TellAsync<T>(T happened, long sequence)
        where T : class
    {
        await using var scope = service.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(happened, sequence);
        await scope.ServiceProvider.GetRequiredService<DbContext>().SaveChangesAsync();
    }
}
