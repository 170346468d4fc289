using Contracts.Generator;

// Writes schemas, examples, asyncapi.yaml and the page from the records, and freezes what is new as the next minor version of its event.
// Refuses when a record is not compatible with what was published before.
// With the argument "corpus" it writes nothing and prints messages with the verdicts of the inbound check, for validators in other languages.
if (args is ["corpus"])
{
    foreach (var line in Corpus.Lines())
    {
        Console.WriteLine(line);
    }

    return 0;
}

var output = Output.Locate();
var violations = output.Violations();
if (violations.Count > 0)
{
    foreach (var violation in violations)
    {
        Console.Error.WriteLine(violation);
    }

    return 1;
}

foreach (var (file, text) in output.NewHistory().Concat(output.Files()))
{
    var path = output.PathOf(file);
    if (File.Exists(path) && File.ReadAllText(path) == text)
    {
        continue;
    }

    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    File.WriteAllText(path, text);
    Console.WriteLine($"wrote contracts/{file}");
}

return 0;
