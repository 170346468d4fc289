using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.EventSourcing.Operations;

/// <summary>The operators' resources for projections.</summary>
public static class ProjectionOps
{
    /// <summary><c>GET /v1/ops/projections</c> and <c>POST /v1/ops/projections/{name}/rebuild</c>.</summary>
    public static IEndpointRouteBuilder MapProjectionOps(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/ops/projections");
        group.MapGet("/", List)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListProjections")
            .WithSummary("Position, lag and last rebuild of every read model.");
        group.MapPost("/{name}/rebuild", Rebuild).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey().WithName("RebuildProjection")
            .WithSummary("Makes a read model anew from the events, beside the live one, and swaps it in.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        return app;
    }

    private static async Task<Ok<Page<ProjectionStatus>>> List(NpgsqlDataSource dataSource, IEnumerable<Projection> projections, CancellationToken ct) =>
        TypedResults.Ok(new Page<ProjectionStatus>(await ProjectionStore.StatusAsync(dataSource, projections, ct), null));

    private static async Task<Accepted<ProjectionStatus>> Rebuild(
        string name, DbContext db, NpgsqlDataSource dataSource, IEnumerable<Projection> projections, TimeProvider clock, CancellationToken ct)
    {
        var known = projections.FirstOrDefault(p => p.Name == name) ?? throw ProblemException.NotFound("There is no such projection.");
        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (!await ProjectionStore.RequestRebuildAsync(db, known.Name, clock.GetUtcNow(), ct))
        {
            throw ProblemException.Conflict("rebuild_in_progress", "This projection is being rebuilt already.");
        }

        await transaction.CommitAsync(ct);
        return TypedResults.Accepted("/v1/ops/projections", (await ProjectionStore.StatusAsync(dataSource, [known], ct)).Single());
    }
}
