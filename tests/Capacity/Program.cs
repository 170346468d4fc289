using System.Globalization;
using Shop.Capacity;
using static Chassis.Testing.Repository;

// Fills the tables of docs/scale.md from what was measured (docs/scale.json: BENCH=System BENCH_LOADS=10,20,30 make bench). With the word fit, the shape of the
// network is fitted anew first, and kept beside the measurements.
var data = PathOf("docs/scale.json");
if (args is ["fit"])
{
    var found = Measured.Read(File.ReadAllText(data));
    var fitted = Calibration.Fit(found, Demands.Of(found.Loads), Machines.One(Measured.Processors));
    File.WriteAllText(data, Measured.WithShape(File.ReadAllText(data), fitted));
}

var (measured, shape) = (Measured.Read(File.ReadAllText(data)), Measured.ShapeOf(File.ReadAllText(data)));
var page = PathOf("docs/scale.md");
var compared = Page.Compare(measured, shape);
File.WriteAllText(page, Page.Filled(File.ReadAllText(page), measured, shape, compared));
foreach (var (load, told) in compared)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{load.OrdersPerSecond} orders/s: p99 {load.P99:0} ms, predicted {told.P99:0} ms"));
}
