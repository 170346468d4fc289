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

    foreach (var (path, text) in new Generated(root.FullName, Service.Of(root.FullName)).Stale().ToList())
    {
        File.WriteAllText(Path.Combine(root.FullName, path), text);
        Console.WriteLine($"wrote {path}");
    }

    return 0;
}
catch (InvalidDataException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
