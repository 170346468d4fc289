using PaymentSandbox;

if (args.Contains("--health"))
{
    return await HealthProbe.RunAsync();
}

await using var app = SandboxApp.Build(args);
await app.RunAsync();
return 0;
