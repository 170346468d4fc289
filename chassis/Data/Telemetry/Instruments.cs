using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Chassis.Data;

/// <summary>The instruments of one part of a service.</summary>
public interface IInstruments
{
    /// <summary>
    /// Adds nothing to each counter, for each label that is known beforehand. A rate is the difference of two values: without a first one of 0 it does not see
    /// the first failure, and a panel of failures has no data while there are none.
    /// </summary>
    void StartAtZero();
}

public static class InstrumentsExtensions
{
    /// <summary>Registers instruments, which are there and start at zero when the service has started.</summary>
    public static IServiceCollection AddInstruments<T>(this IServiceCollection services)
        where T : class, IInstruments => services.AddSingleton<T>().AddHostedService<Start<T>>();

    // When all have started, so that whoever collects has.
    private sealed class Start<T>(T instruments) : IHostedLifecycleService
        where T : class, IInstruments
    {
        public Task StartedAsync(CancellationToken cancellationToken)
        {
            instruments.StartAtZero();
            return Task.CompletedTask;
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
