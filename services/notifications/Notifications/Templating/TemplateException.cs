namespace Notifications.Templating;

/// <summary>A template is wrong; the message says where and what would be right, for somebody who does not program.</summary>
public sealed class TemplateException(string message) : Exception(message);
