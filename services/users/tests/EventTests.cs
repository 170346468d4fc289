using System.Reflection;
using System.Runtime.CompilerServices;
using Chassis.Testing;
using MassTransit;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Persistence;
using Users.Tokens;

namespace Users.Tests;

/// <summary>What else an event of an account needs that was added to the domain, told before anything of it is stored.</summary>
public sealed class EventTests
{
    // Codes.
    private static readonly string[] NotPersonal = ["UserRegistered.Source", "UserRegistered.Role", "RoleChanged.OldRole", "RoleChanged.NewRole"];

    private static readonly List<Type> Events = [.. typeof(UserEvent).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(UserEvent)))];

    public static TheoryData<string> All => [.. Events.Select(e => e.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_event_of_an_account_has_a_name_under_which_it_is_stored(string name) =>
        UserHistory.Write(Somebody(), EventOf(name), 1, key: null, Guid.Empty).EventType.ShouldNotBeNullOrEmpty();

    [Theory]
    [MemberData(nameof(All))]
    public async Task Every_event_of_an_account_has_been_decided_on_as_to_what_others_are_told_of_it(string name)
    {
        var rules = new AccountRules(Options.Create(new UsersSettings { VerifyEmail = false }), null!);
        var store = new UserStore(null!, null!, null!, rules, null!, null!, AnyValue.Of<IPublishEndpoint>(), null!, null!, TimeProvider.System);
        await store.PublishFactAsync(Somebody(), EventOf(name), 1, CancellationToken.None);
    }

    [Fact]
    public void Every_text_in_an_event_of_an_account_is_sealed_or_named_as_not_personal() =>
        (from type in Events
         from member in type.GetProperties()
         where member.DeclaringType == type && member.SetMethod is not null && (member.PropertyType == typeof(string) || member.PropertyType.IsGenericType)
         where member.GetCustomAttribute<PersonalAttribute>() is null
         select $"{type.Name}.{member.Name}")
        .ShouldBe(NotPersonal, ignoreOrder: true, "what tells who a person is, is marked as [Personal], or named here");

    private static User Somebody() => (User)RuntimeHelpers.GetUninitializedObject(typeof(User));

    private static UserEvent EventOf(string name) => (UserEvent)AnyValue.Of(Events.Single(e => e.Name == name));
}
