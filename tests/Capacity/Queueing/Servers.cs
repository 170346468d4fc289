namespace Shop.Capacity.Queueing;

/// <summary>Servers with one queue, first come, first served: the processors of a machine.</summary>
public sealed class Servers(Simulation simulation, int number)
{
    private readonly Queue<(double Service, Action Done)> _waiting = new();
    private int _free = number;

    /// <summary>Time that the servers have worked, in milliseconds, all together.</summary>
    public double Busy { get; private set; }

    public void Serve(double service, Action done)
    {
        if (_free == 0)
        {
            _waiting.Enqueue((service, done));
            return;
        }

        _free--;
        Begin(service, done);
    }

    private void Begin(double service, Action done)
    {
        Busy += service;
        simulation.After(service, () =>
        {
            if (_waiting.TryDequeue(out var next))
            {
                Begin(next.Service, next.Done);
            }
            else
            {
                _free++;
            }

            done();
        });
    }
}

/// <summary>One server that takes all who wait at once: commits that share a flush of the log, rows that share a round trip of the relay.</summary>
public sealed class Together(Simulation simulation, Func<double> service)
{
    private List<Action> _waiting = [];
    private bool _isBusy;

    /// <summary>How often it has served; shared ones count once.</summary>
    public long Services { get; private set; }

    public void Serve(Action done)
    {
        _waiting.Add(done);
        if (!_isBusy)
        {
            Begin();
        }
    }

    private void Begin()
    {
        (var served, _waiting, _isBusy) = (_waiting, [], true);
        Services++;
        simulation.After(service(), () =>
        {
            _isBusy = false;
            if (_waiting.Count > 0)
            {
                Begin();
            }

            foreach (var done in served)
            {
                done();
            }
        });
    }
}
