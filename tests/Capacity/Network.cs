using Shop.Capacity.Queueing;

namespace Shop.Capacity;

/// <summary>The queueing network of an order: processors, the database's log, the broker's, and the order that goes from one to the other.</summary>
public sealed class Network
{
    private const string Database = "postgresql";
    private const string Broker = "rabbitmq";
    private const string Provider = "payment-sandbox";

    /// <summary>Milliseconds of the longest piece of work in one go: more of it is cut, as an operating system does it.</summary>
    private const double Slice = 1;

    /// <summary>Milliseconds after the last arrival within which all orders but a few are to be done.</summary>
    private const double Grace = 5000;

    private readonly Simulation _simulation;
    private readonly Shape _shape;
    private readonly Machines _machines;
    private readonly IReadOnlyDictionary<string, Demand> _demands;
    private readonly Dictionary<string, Servers> _processors;
    private readonly Together _databaseLog;
    private readonly Together _brokerLog;
    private readonly List<double> _times = [];
    private int _underWay;

    private Network(int seed, IReadOnlyDictionary<string, Demand> demands, Shape shape, Machines machines)
    {
        (_simulation, _demands, _shape, _machines) = (new Simulation(seed), demands, shape, machines);
        _processors = machines.Processors.ToDictionary(m => m.Key, m => new Servers(_simulation, m.Value));
        _databaseLog = new Together(_simulation, () => _simulation.LogNormal(shape.Flush, shape.Variation));
        _brokerLog = new Together(_simulation, () => _simulation.LogNormal(shape.Flush, shape.Variation));
    }

    /// <param name="ordersPerSecond">That arrive at random.</param>
    /// <param name="orders">After which it ends.</param>
    /// <param name="demands">Of each process.</param>
    /// <param name="shape">Of the work.</param>
    /// <param name="machines">Where it is done.</param>
    /// <param name="seed">Of chance.</param>
    public static Outcome Run(
        double ordersPerSecond, int orders, IReadOnlyDictionary<string, Demand> demands, Shape shape, Machines machines, int seed = 2026)
    {
        var network = new Network(seed, demands, shape, machines);
        network.Idle();
        network.Arrive(1000 / ordersPerSecond, orders, new Random(2026));
        // One that does not keep up has no end.
        network._simulation.RunUntil((orders / ordersPerSecond * 1000) + Grace);
        return network.Outcome(orders);
    }

    /// <summary>As often as the seeds say, and the median of each figure: one run of a minute has its own bad moments.</summary>
    public static Outcome Median(double ordersPerSecond, IReadOnlyDictionary<string, Demand> demands, Shape shape, Machines machines, int runs)
    {
        var orders = (int)(ordersPerSecond * 60);
        Outcome[] all = [.. Enumerable.Range(1, runs).AsParallel().Select(seed => Run(ordersPerSecond, orders, demands, shape, machines, seed))];
        return new Outcome(Of(o => o.P50), Of(o => o.P95), Of(o => o.P99), all.All(o => o.KeepsUp), all[0].Busy);

        double Of(Func<Outcome, double> figure) => all.Select(figure).Order().ElementAt(runs / 2);
    }

    private Outcome Outcome(int orders)
    {
        var counted = _times.Order().ToList();
        return new Outcome(
            Percentile(counted, 0.5), Percentile(counted, 0.95), Percentile(counted, 0.99), _times.Count >= orders * 0.98,
            _processors.ToDictionary(p => p.Key, p => p.Value.Busy / _simulation.Now / _machines.Processors[p.Key]));
    }

    private static double Percentile(List<double> sorted, double share) =>
        sorted.Count == 0 ? double.PositiveInfinity : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];

    private void Arrive(double every, int left, Random chance)
    {
        if (left > 0)
        {
            _simulation.After(-every * Math.Log(1 - chance.NextDouble()), () =>
            {
                Arrive(every, left - 1, chance);
                var began = _simulation.Now;
                _underWay++;
                Walk(0, () =>
                {
                    _underWay--;
                    _times.Add(_simulation.Now - began);
                });
            });
        }
    }

    private void Idle()
    {
        foreach (var (process, demand) in _demands.Where(d => d.Value.Idle > 0))
        {
            Again(process, _shape.Burst / demand.Idle);
        }

        void Again(string process, double every) => _simulation.After(_simulation.Exponential(every), () =>
        {
            Again(process, every);
            ServersOf(process).Serve(_shape.Burst, () => { });
        });
    }

    private void Walk(int step, Action done)
    {
        if (step == Order.Path.Count)
        {
            done();
            return;
        }

        var (kind, service) = (Order.Path[step].Kind, Order.Path[step].Service);
        Work(service, OnTheWay(service) / Order.StepsOf(service), () =>
        {
            Beside();
            switch (kind)
            {
                case Order.Kind.Transaction:
                    Work(Database, OnTheWay(Database) / Order.Of(kind), () => _databaseLog.Serve(Next));
                    break;
                case Order.Kind.Hop:
                    Work(Broker, OnTheWay(Broker) / Order.Of(kind), () => _brokerLog.Serve(Next));
                    break;
                case Order.Kind.Call:
                    Work(Provider, OnTheWay(Provider) / Order.Of(kind), Next);
                    break;
            }
        });

        void Next() => Walk(step + 1, done);
    }

    /// <summary>What nobody waits for, at every step: mails, webhooks, read models, the archive, the request's own answer.</summary>
    private void Beside()
    {
        foreach (var (process, demand) in _demands)
        {
            if ((demand.PerOrder - OnTheWay(process)) / Order.Path.Count is > 0 and var work)
            {
                Work(process, work, () => { });
            }
        }
    }

    private double OnTheWay(string process) =>
        process is Database or Broker or Provider || Order.StepsOf(process) > 0 ? _demands[process].PerOrder * _shape.Share : 0;

    private void Work(string process, double mean, Action done) => Cut(ServersOf(process), _simulation.LogNormal(mean * Price, _shape.Variation), done);

    /// <summary>Those who are at the same step at the same time share a part of its work.</summary>
    private double Price => 1 - _shape.Shared + (_shape.Shared / Math.Max(1, (double)_underWay / Order.Path.Count));

    private static void Cut(Servers servers, double left, Action done) =>
        servers.Serve(Math.Min(left, Slice), left <= Slice ? done : () => Cut(servers, left - Slice, done));

    private Servers ServersOf(string process) => _processors[_machines.GroupOf(process)];
}

/// <param name="P50">From arrival to completion, in milliseconds.</param>
/// <param name="P95">Of 95 in 100.</param>
/// <param name="P99">Of 99 in 100.</param>
/// <param name="KeepsUp">Whether the orders were done when they had all arrived, or soon after.</param>
/// <param name="Busy">Share of the processors of each group.</param>
public sealed record Outcome(double P50, double P95, double P99, bool KeepsUp, IReadOnlyDictionary<string, double> Busy);
