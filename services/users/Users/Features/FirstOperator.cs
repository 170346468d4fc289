using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Persistence;

namespace Users.Features;

/// <summary>Makes the operator of the configuration, once: one of the installation, whatever the tenant of those who register. An account that is there already is left as it is.</summary>
public sealed partial class FirstOperator(IServiceScopeFactory scopes, IOptions<UsersSettings> settings, ILogger<FirstOperator> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Value.Operator is not { Email.Length: > 0, Password.Length: > 0 } configured)
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
        var email = Email.Normalize(configured.Email);
        if (await db.Users.IgnoreQueryFilters().AnyAsync(u => u.Email == email, cancellationToken))
        {
            return;
        }

        try
        {
            var user = await scope.ServiceProvider.GetRequiredService<RegisterUser>().Handle(
                new RegisterUserRequest(configured.Email, configured.Password, configured.FullName, "configuration"), Roles.Operator, tenantId: null, cancellationToken);
            LogCreated(logger, user.Id);
        }
        catch (ProblemException e) when (e.Status == StatusCodes.Status409Conflict)
        {
            // Another replica was faster.
        }
        catch (ProblemException e) when (e.Errors is not null)
        {
            throw new InvalidOperationException(
                $"Users__Operator is not usable: {string.Join(" ", e.Errors.SelectMany(f => f.Value.Select(message => $"{f.Key} {message}")))}", e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(2101, LogLevel.Information, "The first operator {UserId} was made from the configuration.")]
    private static partial void LogCreated(ILogger logger, Guid userId);
}
