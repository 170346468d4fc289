using Shop.Capacity.Queueing;

namespace Shop.Capacity.Tests;

/// <summary>Where the theory has a formula, the simulation comes to its result: the seed is fixed, so that it does so each time.</summary>
public sealed class Queues_of_the_textbook
{
    private const int Jobs = 100_000;

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.6)]
    [InlineData(0.8)]
    public void One_server_with_exponential_work(double busy)
    {
        // M/M/1
        Mean(servers: 1, busy, s => s.Exponential(1)).ShouldBeAbout(1 / (1 - busy));
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.8)]
    public void One_server_with_work_of_one_length(double busy)
    {
        // M/D/1, after Pollaczek and Khinchine
        Mean(servers: 1, busy, _ => 1).ShouldBeAbout(1 + (busy / (2 * (1 - busy))));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    public void Two_servers_with_exponential_work(double busy)
    {
        // M/M/2
        Mean(servers: 2, busy, s => s.Exponential(1)).ShouldBeAbout(1 / (1 - (busy * busy)));
    }

    [Fact]
    public void Work_that_varies_has_the_mean_and_the_variance_that_were_asked_for()
    {
        var simulation = new Simulation(seed: 7);
        double[] drawn = [.. Enumerable.Range(0, Jobs).Select(_ => simulation.LogNormal(mean: 5, variation: 0.8))];

        drawn.Average().ShouldBeAbout(5);
        Math.Sqrt(drawn.Average(d => (d - drawn.Average()) * (d - drawn.Average()))).ShouldBeAbout(4);
        drawn.ShouldAllBe(d => d > 0);
    }

    [Fact]
    public void Those_who_wait_for_a_flush_share_the_next_one()
    {
        var simulation = new Simulation(seed: 7);
        var log = new Together(simulation, () => 10);
        var done = new List<double>();
        foreach (var at in new[] { 0.0, 1, 2, 9, 25 })
        {
            simulation.After(at, () => log.Serve(() => done.Add(simulation.Now)));
        }

        simulation.RunUntil(1000);

        done.ShouldBe([10, 20, 20, 20, 35]);
        log.Services.ShouldBe(3);
    }

    [Fact]
    public void The_servers_say_how_busy_they_were()
    {
        var simulation = new Simulation(seed: 7);
        var servers = new Servers(simulation, 2);
        for (var i = 0; i < 3; i++)
        {
            servers.Serve(4, () => { });
        }

        simulation.RunUntil(1000);

        servers.Busy.ShouldBe(12);
        simulation.Now.ShouldBe(8);
    }

    /// <returns>Mean time from arrival to departure, where the mean work is 1.</returns>
    private static double Mean(int servers, double busy, Func<Simulation, double> work)
    {
        var simulation = new Simulation(seed: 2026);
        var station = new Servers(simulation, servers);
        var (total, left) = (0.0, Jobs);
        Arrive();
        simulation.RunUntil(double.MaxValue);
        return total / Jobs;

        void Arrive() => simulation.After(simulation.Exponential(1 / (busy * servers)), () =>
        {
            var began = simulation.Now;
            station.Serve(work(simulation), () => total += simulation.Now - began);
            if (--left > 0)
            {
                Arrive();
            }
        });
    }
}

internal static class About
{
    public static void ShouldBeAbout(this double actual, double expected) => actual.ShouldBe(expected, expected * 0.05);
}
