using System.Diagnostics.Metrics;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;

namespace Users;

/// <summary>How a sign-in ended.</summary>
internal enum SignInOutcome
{
    Succeeded,

    /// <summary>Name, password or code is not right, or the account is not active.</summary>
    Refused,

    /// <summary>The password is right, and something is needed still: a code, or a password of one's own.</summary>
    Incomplete,

    /// <summary>Too many failures before, or too many sign-ins at once.</summary>
    Throttled,
}

/// <summary>Who comes, as metrics.</summary>
internal sealed class UserMetrics : IInstruments, IDisposable
{
    private readonly Meter _meter;
    private readonly BoundedLabel _tenants;
    private readonly Counter<long> _created;
    private readonly Counter<long> _signIns;

    public UserMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("users");
        _created = _meter.CreateCounter<long>("shop.users.created", "{user}", "Accounts that were made.");
        _signIns = _meter.CreateCounter<long>("shop.sign_ins", "{attempt}", "Attempts to sign in; one with a code after the password is a second one.");
        _tenants = new BoundedLabel(met: tenant => _created.Add(0, new KeyValuePair<string, object?>("tenant", tenant)));
    }

    public void StartAtZero()
    {
        _tenants.Of(null);
        foreach (var outcome in Enum.GetValues<SignInOutcome>())
        {
            _signIns.Add(0, new KeyValuePair<string, object?>("outcome", NameOf(outcome)));
        }
    }

    /// <summary>An account is made in the unit of work at hand.</summary>
    public void Created(DbContext db, string? tenant) =>
        db.OnCommitted(() => _created.Add(1, new KeyValuePair<string, object?>("tenant", _tenants.Of(tenant))));

    public void Attempted(SignInOutcome outcome) => _signIns.Add(1, new KeyValuePair<string, object?>("outcome", NameOf(outcome)));

    public void Dispose() => _meter.Dispose();

    private static string NameOf(SignInOutcome outcome) => outcome switch
    {
        SignInOutcome.Succeeded => "succeeded",
        SignInOutcome.Refused => "refused",
        SignInOutcome.Incomplete => "incomplete",
        _ => "throttled",
    };
}
