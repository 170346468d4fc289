using System.Text;
using Spectre.Console;

namespace Shop.Output;

/// <summary>
/// Where demo, chaos and benchmarks speak: alive on a terminal; elsewhere (a log, a pipe, <c>TERM=dumb</c>) plain lines without a single control character.
/// <c>NO_COLOR</c> takes the colour away, which only adds to what the words say. What is data goes in as <see cref="Text"/> or by the interpolated methods,
/// which escape it.
/// </summary>
internal static class Terminal
{
    /// <summary>Characters. Spectre would take 80 where nobody says how wide it is, and break every row of a table.</summary>
    public const int WidthOfALog = 200;

    /// <param name="log">Where to, if not to the console of the process.</param>
    public static IAnsiConsole Open(TextWriter? log = null)
    {
        if (log is null)
        {
            Console.OutputEncoding = Encoding.UTF8;
        }

        var live = log is null && !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(log ?? Console.Out),
            Ansi = live ? AnsiSupport.Yes : AnsiSupport.No,
            Interactive = live ? InteractionSupport.Yes : InteractionSupport.No,
            ColorSystem = live && Environment.GetEnvironmentVariable("NO_COLOR") is null or "" ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },    // they take the log of a CI for a terminal
        });
        console.Profile.Capabilities.Unicode = true;
        if (!live)
        {
            console.Profile.Width = WidthOfALog;
        }

        return console;
    }

    /// <summary>A line that scripts read: these characters and no others, however narrow the terminal is.</summary>
    public static void Plain(this IAnsiConsole console, string line) => console.Profile.Out.Writer.WriteLine(line);

    /// <summary>A row of a table that grows while somebody waits: cells of a fixed width, a negative one for what stands to the right.</summary>
    public static void Row(this IAnsiConsole console, params (string Text, int Width)[] cells)
    {
        var table = new Table().NoBorder().HideHeaders();
        foreach (var (_, width) in cells)
        {
            var column = new TableColumn("").Width(Math.Abs(width));
            table.AddColumn(width < 0 ? column.RightAligned() : column);
        }

        console.Write(table.AddRow(cells.Select(cell => new Text(cell.Text))));
    }
}
