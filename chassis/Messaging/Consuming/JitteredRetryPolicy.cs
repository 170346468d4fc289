using MassTransit;
using MassTransit.RetryPolicies;

namespace Chassis.Messaging.Consuming;

/// <summary>Given pauses, each stretched by up to a quarter, so that messages that failed together do not come back together.</summary>
internal sealed class JitteredRetryPolicy(IExceptionFilter filter, TimeSpan[] pauses) : IRetryPolicy
{
    public RetryPolicyContext<T> CreatePolicyContext<T>(T context)
        where T : class, PipeContext => ((IRetryPolicy)new IntervalRetryPolicy(filter, [.. pauses.Select(Stretch)])).CreatePolicyContext(context);

    public bool IsHandled(Exception exception) => filter.Match(exception);

    public void Probe(ProbeContext context) => context.Set(new { Policy = "Jittered", Pauses = pauses });

    private static TimeSpan Stretch(TimeSpan pause) => pause * (1 + (Random.Shared.NextDouble() / 4));
}
