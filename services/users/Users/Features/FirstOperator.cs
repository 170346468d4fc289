using Chassis;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>
/// Makes the operator of the configuration, once in the life of an installation and for the installation, whatever the tenant of those who register: later on
/// whoever knows the configuration has no way in, also when that operator has changed its address or is gone. Outside of development the password of the
/// configuration is good for choosing another.
/// </summary>
internal sealed partial class FirstOperator(IServiceScopeFactory scopes, IOptions<UsersSettings> settings, AccountRules rules, ILogger<FirstOperator> logger)
    : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Value.Operator is not { Email.Length: > 0, Password.Length: > 0 } configured)
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);

        // Another replica that makes it in this moment is waited for.
        if (await db.Database.ExecuteSqlAsync($"INSERT INTO first_operator (made_at) VALUES (now()) ON CONFLICT DO NOTHING", cancellationToken) == 0)
        {
            return;
        }

        try
        {
            var user = await scope.ServiceProvider.GetRequiredService<RegisterUser>().Handle(
                new RegisterUserRequest(configured.Email, configured.Password, configured.FullName, "configuration"),
                Roles.Operator,
                tenantId: null,
                cancellationToken);
            if (rules.GivenPasswordsAreReplaced)
            {
                user.PasswordWasGiven();
                await db.SaveChangesAsync(cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            LogCreated(logger, user.Id);
        }
        catch (ProblemException e) when (e.Status == StatusCodes.Status409Conflict)
        {
            throw new InvalidOperationException(
                "Users__Operator__Email is the address of somebody who has registered. The first operator needs another one.", e);
        }
        catch (ProblemException e) when (e.Errors is not null)
        {
            throw new InvalidOperationException(
                $"Users__Operator is not usable: {string.Join(" ", e.Errors.SelectMany(f => f.Value.Select(message => $"{f.Key} {message}")))}", e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(6101, LogLevel.Information, "The first operator {UserId} was made from the configuration.", EventName = "operator.first_created")]
    private static partial void LogCreated(ILogger logger, Guid userId);
}
