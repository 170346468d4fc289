using System.Data;
using System.Globalization;
using System.Text;
using Chassis.Messaging.UnitOfWork;
using MassTransit;
using MassTransit.Context;
using MassTransit.Middleware;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace Chassis.Messaging.Sagas;

/// <summary>How the repository of one saga works: on which context, and whether it locks the rows that it reads.</summary>
internal sealed class SagaStore<TSaga>(DbContext database, ConcurrencyMode concurrency)
    where TSaga : class, ISaga
{
    private static string? _lockSql;
    private (Guid Transaction, TSaga Saga)? _locked;

    public DbContext Database { get; } = database;

    public async Task<TSaga?> LoadAsync(Guid correlationId, CancellationToken ct)
    {
        // What this transaction has locked nobody else has changed.
        var transaction = Database.Database.CurrentTransaction?.TransactionId;
        if (_locked is { } held
            && held.Transaction == transaction
            && held.Saga.CorrelationId == correlationId
            && Database.Entry(held.Saga).State != EntityState.Detached)
        {
            return held.Saga;
        }

        var saga = await ReadAsync(correlationId, ct);
        _locked = concurrency == ConcurrencyMode.Pessimistic && saga is not null && transaction is { } id ? (id, saga) : null;
        return saga;
    }

    private Task<TSaga?> ReadAsync(Guid correlationId, CancellationToken ct)
    {
        var query = concurrency == ConcurrencyMode.Optimistic
            ? Database.Set<TSaga>().Where(saga => saga.CorrelationId == correlationId)
            : Database.Set<TSaga>().FromSqlRaw(_lockSql ??= LockSql(), correlationId);
        return query.AsTracking().SingleOrDefaultAsync(ct);
    }

    /// <summary>
    /// Finds by expression, then takes the rows one by one in a fixed order, so that two that look for the same do not block each other for good.
    /// </summary>
    public async Task<List<TSaga>> QueryAsync(ISagaQuery<TSaga> query, CancellationToken ct)
    {
        var ids = await Database.Set<TSaga>().Where(query.FilterExpression).OrderBy(saga => saga.CorrelationId)
            .Select(saga => saga.CorrelationId).ToListAsync(ct);
        var matches = query.GetFilter();
        var sagas = new List<TSaga>(ids.Count);
        foreach (var id in ids)
        {
            // It may have changed, or gone, while we waited for its lock.
            if (await LoadAsync(id, ct) is { } saga && matches(saga))
            {
                sagas.Add(saga);
            }
        }

        return sagas;
    }

    private string LockSql()
    {
        var entity = Database.Model.FindEntityType(typeof(TSaga))
            ?? throw new InvalidOperationException($"{typeof(TSaga).Name} is not part of the model of {Database.GetType().Name}.");
        var table = StoreObjectIdentifier.Create(entity, StoreObjectType.Table)!.Value;
        var key = entity.FindProperty(nameof(ISaga.CorrelationId))!.GetColumnName(table)!;
        var sql = new StringBuilder("SELECT *");
        if (entity.GetProperties().Any(p => p.GetColumnName(table) == "xmin"))
        {
            sql.Append(", xmin");
        }

        sql.Append(" FROM ");
        if (table.Schema is { } schema)
        {
            sql.Append(CultureInfo.InvariantCulture, $"\"{schema}\".");
        }

        return sql.Append(CultureInfo.InvariantCulture, $"\"{table.Name}\" WHERE \"{key}\" = {{0}} FOR UPDATE").ToString();
    }
}

/// <summary>Saga storage in the transaction of the message that is consumed; without one, in a transaction of its own.</summary>
internal sealed class SagaContextFactory<TSaga>(SagaStore<TSaga> store, ISagaConsumeContextFactory<DbContext, TSaga> contexts)
    : ISagaRepositoryContextFactory<TSaga>, IQuerySagaRepositoryContextFactory<TSaga>, ILoadSagaRepositoryContextFactory<TSaga>
    where TSaga : class, ISaga
{
    public Task Send<T>(ConsumeContext<T> context, IPipe<SagaRepositoryContext<TSaga, T>> next)
        where T : class => InTransactionAsync(context, () => next.Send(new SagaContext<TSaga, T>(store, context, contexts)));

    public Task SendQuery<T>(ConsumeContext<T> context, ISagaQuery<TSaga> query, IPipe<SagaRepositoryQueryContext<TSaga, T>> next)
        where T : class => InTransactionAsync(context, async () =>
    {
        var sagas = await store.QueryAsync(query, context.CancellationToken);
        var saga = new SagaContext<TSaga, T>(store, context, contexts);
        await next.Send(new LoadedSagaRepositoryQueryContext<TSaga, T>(saga, sagas));
    });

    async Task<T> IQuerySagaRepositoryContextFactory<TSaga>.Execute<T>(
        Func<QuerySagaRepositoryContext<TSaga>, Task<T>> asyncMethod, CancellationToken cancellationToken) =>
        await asyncMethod(new SagaReadContext<TSaga>(store, cancellationToken));

    async Task<T> ILoadSagaRepositoryContextFactory<TSaga>.Execute<T>(
        Func<LoadSagaRepositoryContext<TSaga>, Task<T>> asyncMethod, CancellationToken cancellationToken) =>
        await asyncMethod(new SagaReadContext<TSaga>(store, cancellationToken));

    public void Probe(ProbeContext context) => context.CreateScope("sagaRepository").Add("persistence", "postgresql");

    private async Task InTransactionAsync(ConsumeContext context, Func<Task> work)
    {
        if (context.TryGetPayload<ITransactionalContext>(out _))
        {
            await work();
            return;
        }

        await using var transaction = await store.Database.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, context.CancellationToken);
        await work();
        await store.Database.SaveChangesAsync(context.CancellationToken);
        await transaction.CommitAsync(context.CancellationToken);
    }
}

internal sealed class SagaContext<TSaga, TMessage>(
    SagaStore<TSaga> store, ConsumeContext<TMessage> context, ISagaConsumeContextFactory<DbContext, TSaga> contexts)
    : ConsumeContextScope<TMessage>(context, store.Database), SagaRepositoryContext<TSaga, TMessage>
    where TSaga : class, ISaga
    where TMessage : class
{
    private readonly ConsumeContext<TMessage> _context = context;

    public Task<SagaConsumeContext<TSaga, TMessage>> Add(TSaga instance) => CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Add);

    /// <summary>Writes a new instance at once. When another message was first, null, and the transaction is usable still.</summary>
    public async Task<SagaConsumeContext<TSaga, TMessage>> Insert(TSaga instance)
    {
        const string savepoint = "saga_insert";
        var transaction = store.Database.Database.CurrentTransaction!;
        await transaction.CreateSavepointAsync(savepoint, CancellationToken);
        var entry = store.Database.Add(instance);
        try
        {
            await store.Database.SaveChangesAsync(CancellationToken);
            await transaction.ReleaseSavepointAsync(savepoint, CancellationToken);
            return await CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Insert);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            entry.State = EntityState.Detached;
            await transaction.RollbackToSavepointAsync(savepoint, CancellationToken);
            return null!;
        }
    }

    public async Task<SagaConsumeContext<TSaga, TMessage>> Load(Guid correlationId)
    {
        var instance = await store.LoadAsync(correlationId, CancellationToken);
        return instance is null ? null! : await CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Load);
    }

    // The change tracker holds what has changed; it is saved with everything else of the transaction.
    public Task Save(SagaConsumeContext<TSaga> context)
    {
        store.Database.Add(context.Saga);
        return Task.CompletedTask;
    }

    public Task Update(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task Delete(SagaConsumeContext<TSaga> context)
    {
        store.Database.Remove(context.Saga);
        return Task.CompletedTask;
    }

    public Task Discard(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task Undo(SagaConsumeContext<TSaga> context)
    {
        store.Database.Entry(context.Saga).State = EntityState.Unchanged;
        return Task.CompletedTask;
    }

    public Task<SagaConsumeContext<TSaga, T>> CreateSagaConsumeContext<T>(ConsumeContext<T> consumeContext, TSaga instance, SagaConsumeContextMode mode)
        where T : class => contexts.CreateSagaConsumeContext(store.Database, consumeContext, instance, mode);
}

/// <summary>Looks at sagas without touching them: for queries and test harnesses.</summary>
internal sealed class SagaReadContext<TSaga>(SagaStore<TSaga> store, CancellationToken ct)
    : BasePipeContext(ct), QuerySagaRepositoryContext<TSaga>, LoadSagaRepositoryContext<TSaga>
    where TSaga : class, ISaga
{
    public async Task<TSaga> Load(Guid correlationId) =>
        (await store.Database.Set<TSaga>().AsNoTracking().SingleOrDefaultAsync(saga => saga.CorrelationId == correlationId, CancellationToken))!;

    public async Task<SagaRepositoryQueryContext<TSaga>> Query(ISagaQuery<TSaga> query, CancellationToken cancellationToken = default)
    {
        var ids = await store.Database.Set<TSaga>().AsNoTracking().Where(query.FilterExpression)
            .Select(saga => saga.CorrelationId).ToListAsync(cancellationToken);
        return new DefaultSagaRepositoryQueryContext<TSaga>(this, ids);
    }
}
