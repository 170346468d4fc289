using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Web.Tests;

public sealed class Settings
{
    [Theory]
    [InlineData("Sample:Size", "0", "Sample:Size")]
    [InlineData("Sample:Inner:Size", "0", "Sample:Inner:Size")]
    [InlineData("Sample:Inner:Inner:Size", "0", "Sample:Inner:Inner:Size")]
    [InlineData("Sample:List:0:Size", "0", "Sample:List:0:Size")]
    [InlineData("Sample:Named:x:Size", "0", "Sample:Named:x:Size")]
    [InlineData("Sample:Inner:Named:x:Name", "", "Sample:Inner:Named:x:Name")]
    [InlineData("Sample:Named:x:Name", "twice twice", "Sample:Named:x")]
    public void Are_checked_however_deep_they_are(string key, string value, string path)
    {
        var settings = Read((key, value));
        Should.Throw<OptionsValidationException>(() => settings.Value).Failures.ShouldHaveSingleItem().ShouldStartWith(path + ": ");
    }

    [Fact]
    public void Tell_everything_that_is_wrong_at_once() =>
        Should.Throw<OptionsValidationException>(() => Read(("Sample:Size", "0"), ("Sample:Inner:Size", "0"), ("Sample:Named:x:Name", "")).Value)
            .Failures.Count().ShouldBe(3);

    [Fact]
    public void That_are_right_are_bound() =>
        Read(("Sample:Inner:Size", "7"), ("Sample:Wait", "00:00:03")).Value.ShouldSatisfyAllConditions(
            s => s.Inner!.Size.ShouldBe(7), s => s.Wait.ShouldBe(TimeSpan.FromSeconds(3)));

    /// <summary>
    /// Also when two hosts of one process start together: to both an attribute is the same object, and <c>[Range]</c> reads its bounds when it is first asked.
    /// </summary>
    [Fact]
    public async Task Are_checked_one_at_a_time()
    {
        var values = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Factory.StartNew(
            () =>
            {
                var services = new ServiceCollection().AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
                services.AddSettings<Shared>("Shared");
                return services.BuildServiceProvider().GetRequiredService<IOptions<Shared>>().Value.Value;
            },
            TaskCreationOptions.LongRunning)));

        values.ShouldAllBe(value => value == 1);
    }

    private static IOptions<SampleSettings> Read(params (string Key, string Value)[] configuration)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(configuration.Select(c => KeyValuePair.Create<string, string?>(c.Key, c.Value))).Build());
        services.AddSettings<SampleSettings>("Sample");
        return services.BuildServiceProvider().GetRequiredService<IOptions<SampleSettings>>();
    }

    private sealed record Shared
    {
        [Alone]
        public int Value { get; init; } = 1;
    }

    [AttributeUsage(AttributeTargets.Property)]
    private sealed class AloneAttribute : ValidationAttribute
    {
        private int _here;

        public override bool IsValid(object? value)
        {
            var alone = Interlocked.Increment(ref _here) == 1;
            Thread.Sleep(50);
            Interlocked.Decrement(ref _here);
            return alone;
        }
    }

    private sealed record SampleSettings : IValidatableObject
    {
        [Range(1, 10)]
        public int Size { get; init; } = 1;

        [Required]
        public string Name { get; init; } = "name";

        public TimeSpan Wait { get; init; }

        public Uri Address { get; init; } = new("http://localhost");

        public DayOfWeek Day { get; init; }

        public SampleSettings? Inner { get; init; }

        public IReadOnlyList<SampleSettings> List { get; init; } = [];

        public Dictionary<string, SampleSettings> Named { get; init; } = [];

        public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
        {
            if (Name == "twice twice")
            {
                yield return new ValidationResult("is a sentence about the whole.");
            }
        }
    }
}
