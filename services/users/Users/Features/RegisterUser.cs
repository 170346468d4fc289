using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Contracts.Users.V1;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="Email">To sign in with.</param>
/// <param name="Password">The rules of passwords are those of the installation.</param>
/// <param name="FullName">What mails call the person.</param>
/// <param name="Source">Where they come from, for the statistics; <c>direct</c> without one.</param>
internal sealed record RegisterUserRequest(
    [property: MaxLength(Domain.Email.MaxLength)] string Email,
    [property: MaxLength(PasswordRules.Longest)] string Password,
    [property: Text(RegisterUser.MaxNameLength)] string FullName,
    [property: RegularExpression("^[A-Za-z0-9._-]{1,50}$", ErrorMessage = "must have 1 to 50 letters, digits, dots, dashes or underscores.")] string? Source = null);

/// <summary>An account as its owner and operators see it.</summary>
internal sealed record UserView(
    Guid Id, string Email, string FullName, string Status, string Source, DateTimeOffset RegisteredAt, long Version, bool EmailVerified, string Role)
{
    public static UserView Of(User user) =>
        new(user.Id, user.Email!, user.FullName!, user.Status, user.Source, user.RegisteredAt, user.Version, user.EmailVerified, user.Role);
}

internal sealed class RegisterUser(
    UserStore users, UsersDbContext db, PasswordVault passwords, PasswordRules rules, AccountRules accountRules, MailedLinks links, TimeProvider clock)
{
    public const int MaxNameLength = 200;

    private (RegisterUserRequest Request, string Email, string FullName, string Source, string Hash)? _prepared;

    /// <param name="request">Who.</param>
    /// <param name="role">See <see cref="Roles"/>.</param>
    /// <param name="tenantId">Tenant of the account.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<User> Handle(RegisterUserRequest request, string role, string? tenantId, CancellationToken ct)
    {
        if (_prepared?.Request != request)
        {
            await PrepareAsync(request, ct);
        }

        var (_, email, fullName, source, hash) = _prepared!.Value;
        var user = User.Register(Ids.New(clock), tenantId, email, fullName, hash, source, role, clock.GetUtcNow());
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await users.AddAsync(user, ct);
        if (accountRules.AddressesAreVerified)
        {
            await links.SendAsync(user, AccountLinks.VerifyEmail, email, about: null, ct);
        }

        await transaction.CommitAsync(ct);
        return user;
    }

    /// <summary>Looks at the request and hashes the password, which takes its time; no transaction should wait for it.</summary>
    private async Task PrepareAsync(RegisterUserRequest request, CancellationToken ct)
    {
        var email = Email.Normalize(request.Email);
        var fullName = request.FullName.Trim();
        var source = request.Source ?? "direct";
        var validator = new Validator().Bounds(request).Check(email is not null, "email", "is not an e-mail address.");
        rules.Check(validator, "password", request.Password, email, fullName);
        validator.ThrowIfInvalid();

        // Saves the hash in the usual case; the unique index decides.
        if (await db.Users.IgnoreQueryFilters().AnyAsync(u => u.Email == email, ct))
        {
            throw UserStore.EmailTaken();
        }

        _prepared = (request, email!, fullName, source, await passwords.HashAsync(request.Password, ct));
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder users) => users.MapPost("/", Post).AllowAnonymous()
        .WithIdempotencyKey(context => context.HttpContext.RequestServices.GetRequiredService<RegisterUser>()
            .PrepareAsync(context.GetArgument<RegisterUserRequest>(0), context.HttpContext.RequestAborted))
        .WithName("RegisterUser").WithSummary("Register. Everybody may.");

    private static async Task<ETagged<Microsoft.AspNetCore.Http.HttpResults.Created<UserView>>> Post(
        RegisterUserRequest request, RegisterUser handler, Caller caller, IOptions<UsersSettings> settings, CancellationToken ct)
    {
        var user = await handler.Handle(request, Roles.Customer, caller.TenantId ?? settings.Value.DefaultTenant, ct);
        return TypedResults.Created($"/v1/users/{user.Id}", UserView.Of(user)).WithETag(user.Version);
    }
}
