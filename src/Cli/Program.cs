using Quorate.Cli;
using Quorate.Cli.Commands;

var line = QuorateCommand.Build().Parse(args);
int code = await line.InvokeAsync();
return line.Errors.Count == 0 ? code : (int)ExitCode.BadInput;
