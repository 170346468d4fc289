namespace ShopConsole.Layout;

/// <summary>How something looks that went well, badly, or has not ended: the classes of the style sheet.</summary>
internal static class Tones
{
    public static string Of(string status) => status switch
    {
        "completed" or "succeeded" or "sent" or "delivered" or "captured" or "ready" or "healthy" or "consumed" or "done" or "dispatched" or "active" => "good",
        "failed" or "declined" or "open" or "parked" or "unhealthy" or "away" or "disabled" or "stopped" => "bad",
        "cancelled" or "voided" or "refunded" or "suppressed" or "released" or "deleted" or "retried" or "draft" => "",
        _ => "waits",
    };

    public static string Of(Pages.Orders.Tone tone) => tone switch
    {
        Pages.Orders.Tone.Good => "good",
        Pages.Orders.Tone.Bad => "bad",
        Pages.Orders.Tone.Waits => "waits",
        _ => "",
    };
}
