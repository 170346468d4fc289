using Gateway;

await using var app = GatewayApp.Build(args);
await app.RunAsync();
return Environment.ExitCode;
