namespace Provisioning.Tests;

/// <summary>Files of the repository that the tests run from.</summary>
internal static class Repository
{
    public static string File(string path)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(directory.FullName, "Microservices.sln")))
            {
                return Path.Combine(directory.FullName, path);
            }
        }

        throw new InvalidOperationException("The repository's root was not found above the test's directory.");
    }
}
