using Shop.Demo;
using Shop.Output;

var settings = new Settings();
var screen = new Screen(Terminal.Open());
using var api = new Api(settings.Patience);
using var receiver = new WebhookReceiver();
try
{
    var good = await new Demonstration(settings, api, screen, receiver).RunAsync();
    screen.Verdict(good, good ? "Each order ended as it should." : "Not every order ended as it should; the lines above say which.");
    screen.Say($"   Look around: the console {settings.ConsolePage}   mails {settings.MailPage}   queues and rates {settings.BrokerPage}");
    return good ? 0 : 1;
}
catch (DemoFailed e)
{
    screen.Verdict(false, e.Message);
    return 1;
}
