using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Web;

/// <summary>One request that has to be recorded before it is answered: whatever an operator calls, and whoever calls what is for operators.</summary>
internal sealed class AuditedCall
{
    /// <summary>Header in which an operator may say why, where the request has no member for it.</summary>
    public const string ReasonHeader = "X-Reason";

    private const int MaxReason = 500;

    private readonly HttpContext _http;
    private string? _reason;

    private AuditedCall(HttpContext http)
    {
        this._http = http;
        _reason = Clean(http.Request.Headers[ReasonHeader].ToString());
        Writes = !HttpMethods.IsGet(http.Request.Method);
        ExpectedStatus = StatusOfSuccess(http.GetEndpoint()!);
    }

    /// <summary>Whether it changes something, so that the record belongs into the transaction of the change.</summary>
    public bool Writes { get; }

    /// <summary>What the endpoint answers when all goes well: known before the change is committed, when the answer is not there yet.</summary>
    public int ExpectedStatus { get; }

    /// <summary>The status in a transaction that is about to be committed.</summary>
    public int? Joined { get; set; }

    /// <summary>The status on record; null while there is none.</summary>
    public int? Recorded { get; set; }

    /// <summary>The call that is being answered, when it is one to record.</summary>
    public static AuditedCall? Of(HttpContext? http) => http?.Features.Get<AuditedCall>();

    /// <returns>Null for what is not to be recorded: customers at what is theirs, strangers, and what is open to everybody.</returns>
    public static AuditedCall? Begin(HttpContext http)
    {
        if (http.GetEndpoint() is not RouteEndpoint endpoint || http.User.Identity is not { IsAuthenticated: true }
            || endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
            || (!http.User.IsOperator() && !IsForOperators(endpoint)))
        {
            return null;
        }

        var call = new AuditedCall(http);
        http.Features.Set(call);
        return call;
    }

    /// <summary>Takes the reason from the body that was read.</summary>
    public static ValueTask<object?> NoteReasonAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (Of(context.HttpContext) is { } call && context.Arguments.OfType<IHasReason>().FirstOrDefault() is { } request)
        {
            call._reason = Clean(request.Reason) ?? call._reason;
        }

        return next(context);
    }

    public AuditRecord Record(int status)
    {
        var route = ((RouteEndpoint)_http.GetEndpoint()!).RoutePattern.RawText;
        return new AuditRecord(AuditRecord.Act, $"{_http.Request.Method} /{route!.Trim('/')}", status)
        {
            UserId = _http.User.FindFirst(Claims.Subject)?.Value,
            ClientId = _http.User.FindFirst(Claims.ClientId)?.Value,
            TenantId = _http.User.FindFirst(Claims.Tenant)?.Value,
            Address = _http.Connection.RemoteIpAddress?.ToString(),
            Ids = Ids(),
            Reason = _reason,
        };
    }

    internal static bool IsForOperators(Endpoint endpoint) =>
        endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(a => a.Policy is Policies.Operator or Policies.SystemOperator);

    internal static int StatusOfSuccess(Endpoint endpoint) => endpoint.Metadata.GetOrderedMetadata<IProducesResponseTypeMetadata>()
        .Select(p => p.StatusCode).FirstOrDefault(status => status is >= 200 and < 300, StatusCodes.Status200OK);

    // Of the query only what is an id: a text that somebody searched for may be a name.
    private Dictionary<string, string> Ids()
    {
        var ids = _http.Request.RouteValues.Where(v => v.Value is string).ToDictionary(v => v.Key, v => Clean((string)v.Value!) ?? "", StringComparer.Ordinal);
        foreach (var (name, value) in _http.Request.Query.Where(q => Guid.TryParse(q.Value, out _)))
        {
            ids.TryAdd(Clean(name) ?? "", value.ToString());
        }

        return ids;
    }

    private static string? Clean(string? text) => string.IsNullOrWhiteSpace(text)
        ? null
        : new string([.. text.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(MaxReason)]);
}
