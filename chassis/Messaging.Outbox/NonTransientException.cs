namespace Chassis.Messaging;

/// <summary>Thrown by a consumer when no repetition can help: the message becomes a dead letter at once.</summary>
public class NonTransientException : Exception
{
    public NonTransientException()
    {
    }

    public NonTransientException(string message)
        : base(message)
    {
    }

    public NonTransientException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The message itself is wrong: content type, CloudEvents attributes, type or body. The text says what, and never repeats a value.</summary>
public sealed class InvalidMessageException : NonTransientException
{
    public InvalidMessageException()
    {
    }

    public InvalidMessageException(string message)
        : base(message)
    {
    }

    public InvalidMessageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
