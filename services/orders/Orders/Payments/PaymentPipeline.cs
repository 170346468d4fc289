using System.Net;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Orders.Payments;

/// <summary>
/// How the provider is called, from the outside in: bounded in number, bounded in total time, repeated with jitter, spared while it is down, bounded per try.
/// Repeats are safe because every change carries its idempotency key.
/// </summary>
public sealed class PaymentPipeline : IDisposable
{
    private readonly ConcurrencyLimiter _limiter;
    private readonly ResiliencePipeline<ProviderAnswer> _pipeline;

    public PaymentPipeline(IOptions<PaymentsOptions> options, TimeProvider clock)
    {
        var o = options.Value;
        _limiter = new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = o.MaxConcurrency,
            QueueLimit = o.MaxConcurrency,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
        _pipeline = new ResiliencePipelineBuilder<ProviderAnswer> { TimeProvider = clock }
            .AddTimeout(o.TotalTimeout)
            .AddRetry(new RetryStrategyOptions<ProviderAnswer>
            {
                MaxRetryAttempts = o.Retries,
                Delay = o.RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => ValueTask.FromResult(IsTransient(args.Outcome) || args.Outcome.Result?.Status == HttpStatusCode.Conflict),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<ProviderAnswer>
            {
                FailureRatio = o.BreakerFailureRatio,
                MinimumThroughput = o.BreakerMinimumThroughput,
                SamplingDuration = TimeSpan.FromSeconds(10),
                BreakDuration = o.BreakDuration,
                ShouldHandle = args => ValueTask.FromResult(IsTransient(args.Outcome)),
            })
            .AddTimeout(o.TryTimeout)
            .Build();
    }

    /// <exception cref="PaymentProviderUnavailableException">There is no answer; the message says why.</exception>
    public async Task<ProviderAnswer> ExecuteAsync(Func<CancellationToken, ValueTask<ProviderAnswer>> call, CancellationToken ct)
    {
        using var lease = await _limiter.AcquireAsync(1, ct);
        if (!lease.IsAcquired)
        {
            throw new PaymentProviderUnavailableException("too many payments at once");
        }

        try
        {
            return await _pipeline.ExecuteAsync(call, ct);
        }
        catch (Exception e) when (e is BrokenCircuitException or TimeoutRejectedException or HttpRequestException)
        {
            throw new PaymentProviderUnavailableException(e switch
            {
                BrokenCircuitException => "the provider is spared: it was failing",
                TimeoutRejectedException => "no answer in time",
                HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => "not reachable",
                _ => "the connection broke",
            });
        }
    }

    public void Dispose() => _limiter.Dispose();

    private static bool IsTransient(Outcome<ProviderAnswer> outcome) =>
        outcome.Exception is HttpRequestException or TimeoutRejectedException
        || outcome.Result?.Status is >= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;
}

/// <summary>Status and body of one answer, read whole.</summary>
public sealed record ProviderAnswer(HttpStatusCode Status, byte[] Body)
{
    public bool IsSuccess => (int)Status is >= 200 and < 300;
}
