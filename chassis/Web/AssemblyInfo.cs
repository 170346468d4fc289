using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Web.Tests")]
[assembly: InternalsVisibleTo("Chassis.Testing")]
