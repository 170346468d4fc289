using Messaging.CrashHost;

await Console.Out.WriteLineAsync(WorkHost.Name);
