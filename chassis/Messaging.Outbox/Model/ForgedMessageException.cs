namespace Chassis.Messaging.Model;

/// <summary>The message does not come from anybody who may say it. No repetition makes it true.</summary>
internal sealed class ForgedMessageException(string message) : NonTransientException(message);
