using Services;
using Services.Generator;

// Writes what follows from the manifests of the services and from the boundary events into the files that name them all.
// With `new NAME` it writes the files of a new service first.
var root = new DirectoryInfo(AppContext.BaseDirectory);
while (!Directory.Exists(Path.Combine(root.FullName, "services")) || !File.Exists(Path.Combine(root.FullName, "docker-compose.yml")))
{
    root = root.Parent ?? throw new DirectoryNotFoundException($"{AppContext.BaseDirectory} is in no repository.");
}

try
{
    if (args is ["new", var name])
    {
        foreach (var path in new Template(root.FullName).Write(name))
        {
            Console.WriteLine($"wrote {path}");
        }

        return 0;
    }

    var generated = new Generated(root.FullName, Service.Of(root.FullName));
    // The manifests for Kubernetes follow from settings that are written here, too.
    for (var pass = 1; generated.Stale().ToList() is { Count: > 0 } stale; pass++)
    {
        foreach (var (path, text) in stale)
        {
            File.WriteAllText(Path.Combine(root.FullName, path), text);
            Console.WriteLine($"wrote {path}");
        }

        if (pass == 5)
        {
            throw new InvalidDataException($"{string.Join(", ", stale.Select(file => file.Key))}: never as what they follow from wants them.");
        }
    }

    return 0;
}
catch (InvalidDataException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
