using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Users.Features;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;
using Users.Tokens.Server;

namespace Users;

/// <summary>The service's parts and its surface.</summary>
public static class UsersService
{
    public static void AddUsers(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSettings<UsersSettings>(UsersSettings.Section);
        services.AddSealing(UsersSettings.Section, SecretBox.DataKeys, SecretBox.SecondFactors, SecretBox.SigningKeys);
        services.AddInstruments<UserMetrics>();
        services.AddSingleton<PasswordRules>();
        services.AddSingleton<IPasswordHasher<object>>(provider => new PasswordHasher<object>(
            Options.Create(new PasswordHasherOptions { IterationCount = provider.GetRequiredService<IOptions<UsersSettings>>().Value.Passwords.Iterations })));
        services.AddSingleton<PasswordVault>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<SignInThrottle>();
        services.AddScoped<UserStore>();
        services.AddScoped<Operators>();
        services.AddSingleton(p => new OperatorRoles(p.GetRequiredService<IOptions<UsersSettings>>().Value.Roles));
        services.Replace(ServiceDescriptor.Singleton<ISessionStatus, AccountSessions>());
        services.AddScoped<Sessions>();
        services.AddScoped<SignIn>();
        services.AddScoped<AccountTickets>();
        services.AddSingleton<AccountRules>();
        services.AddScoped<MailedLinks>();
        services.AddScoped<OwnersProof>();
        services.AddScoped<SecondFactors>();
        services.AddScoped<SecondFactor>();
        services.AddScoped<ResetPassword>();
        services.AddScoped<VerifyEmail>();
        services.AddScoped<ChangeEmail>();
        services.AddScoped<RegisterUser>();
        services.AddScoped<ChangeProfile>();
        services.AddScoped<ChangePassword>();
        services.AddScoped<ChangeStatus>();
        services.AddScoped<ChangeRole>();
        services.AddScoped<EraseUser>();
        services.AddScoped<RepeatErasures>();
        services.AddScoped<Token>();
        services.AddScoped<Authorize>();
        services.AddHostedService<FirstOperator>();
        if (IssuesTokens(builder.Configuration))
        {
            services.AddHostedService<Housekeeping>();

            // Its lines of every request name who signs in.
            builder.Logging.AddFilter("OpenIddict", LogLevel.Warning);
            TokenServer.Add(
                services,
                builder.Configuration.GetValue<bool?>($"{UsersSettings.Section}:{nameof(UsersSettings.PasswordGrant)}") ?? builder.Environment.IsDevelopment());
            services.Replace(ServiceDescriptor.Singleton<ISigningKeySource>(provider => provider.GetRequiredService<SigningKeys>()));
        }
    }

    public static void MapUsers(this WebApplication app)
    {
        if (IssuesTokens(app.Configuration))
        {
            Token.Map(app).IsCostly();
            Authorize.Map(app).IsCostly();
            SignOut.Map(app);
            SigningKeyOps.Map(app.MapGroup("/v1"));
        }

        var v1 = app.MapGroup("/v1");
        ResetPassword.Map(v1);
        VerifyEmail.Map(v1);
        ChangeEmail.Map(v1);
        ChangeRole.Map(v1);
        SecondFactor.Map(v1);
        PasswordPages.Map(app);
        TicketPages.Map(app);
        RegistrationStatistics.Map(v1);
        RepeatErasures.Map(v1);
        var users = v1.MapGroup("/users");
        RegisterUser.Map(users).IsCostly();
        ReadUser.Map(users);
        ChangeProfile.Map(users);
        ChangePassword.Map(users);
        ChangeStatus.Map(users);
        EraseUser.Map(users);
        ListUsers.Map(users);
        ReadHistory.Map(users);
        UserSessions.Map(users);
    }

    private static bool IssuesTokens(IConfiguration configuration) =>
        configuration.GetValue($"{UsersSettings.Section}:{nameof(UsersSettings.IssueTokens)}", true);
}
