using System.Collections.Concurrent;
using Chassis.Messaging;
using MassTransit;
using Shop.Contracts.Orders.V1;

namespace Messaging.CrashHost;

/// <summary>Writes one effect for each message, with the name of its queue, as it gets them; one with a negative number it cannot work on.</summary>
public sealed class OrderedConsumer(WorkDatabase database) : IConsumer<DoWork>, IConsumer<OrderCancelled>
{
    public const string Queue = "work.ordered";

    private static readonly ConcurrentDictionary<(Guid Subject, int Number), Task> Gates = new();

    /// <summary>One that is in work until this is done.</summary>
    public static void Hold(Guid subject, int number, Task gate) => Gates[(subject, number)] = gate;

    public Task Consume(ConsumeContext<DoWork> context) => TakeAsync(context, context.Message.Subject, context.Message.Number);

    public Task Consume(ConsumeContext<OrderCancelled> context) => TakeAsync(context, context.Message.OrderId, (int)(context.EventSequence() ?? 0));

    private static string QueueOf(ConsumeContext context)
    {
        var lane = context.ReceiveContext.InputAddress.Segments[^1];
        return lane[..lane.LastIndexOf('.')];
    }

    private async Task TakeAsync(ConsumeContext context, Guid subject, int number)
    {
        if (number < 0)
        {
            throw new InvalidOperationException($"Nobody can work on {subject}.");
        }

        // Whoever may overtake does so.
        await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(6)));
        await Gates.GetValueOrDefault((subject, number), Task.CompletedTask);
        database.Add(new Effect { Subject = subject, Number = number, Note = QueueOf(context) });
        await database.SaveChangesAsync();
    }
}
