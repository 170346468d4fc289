System.Console.WriteLine("This program is only a reason to compile the packages that it refers to.");
