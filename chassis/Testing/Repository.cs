namespace Chassis.Testing;

/// <summary>The files of the repository that the tests run from.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <param name="path">From the root, such as <c>deploy/postgres/provision.sql</c>.</param>
    public static string PathOf(string path) => Path.Combine(Root, path);

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Microservices.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException("Microservices.sln is in no folder above this program.");
    }
}
