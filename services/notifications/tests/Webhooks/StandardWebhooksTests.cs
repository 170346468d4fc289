using System.Text;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

public class StandardWebhooksTests
{
    [Fact]
    public void The_published_test_vector_is_reproduced() =>
        StandardWebhooks.Sign(
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("{\"test\": 2432232314}"))
            .ShouldBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

    [Fact]
    public void During_a_rotation_both_secrets_sign_divided_by_a_space()
    {
        var (old, next) = (StandardWebhooks.NewSecret(), StandardWebhooks.NewSecret());
        var body = "{}"u8.ToArray();
        StandardWebhooks.Sign([next, old], "id", 1, body)
            .ShouldBe($"{StandardWebhooks.Sign([next], "id", 1, body)} {StandardWebhooks.Sign([old], "id", 1, body)}");
    }

    [Fact]
    public void A_new_secret_is_random_and_has_32_bytes()
    {
        var secrets = Enumerable.Range(0, 100).Select(_ => StandardWebhooks.NewSecret()).ToList();
        secrets.Distinct().Count().ShouldBe(100);
        secrets.ShouldAllBe(s => s.StartsWith("whsec_", StringComparison.Ordinal) && Convert.FromBase64String(s.Substring(6)).Length == 32);
    }
}
