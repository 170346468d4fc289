namespace Gateway;

/// <summary>What is known of a request that got no answer.</summary>
internal static class Failure
{
    /// <summary>There never was a connection to carry it: it had no effect.</summary>
    public static bool IsBeforeSending(Exception? exception) => exception is HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
    };

    /// <summary>Nobody is there, or went away in the middle; and it was not the caller who left.</summary>
    public static bool IsOfReplica(Exception exception) => exception is HttpRequestException or HttpIOException or IOException;
}
