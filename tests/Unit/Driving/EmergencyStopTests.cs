using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator;

namespace Quorate.Unit.Driving;

public sealed class EmergencyStopTests
{
    /// <summary>A full disk, noticed while the node starts, once ended it by SIGABRT instead of exit code 4.</summary>
    [Fact]
    public async Task A_reason_to_stop_during_the_start_stops_the_host_once_it_has_started()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(provider => new EmergencyStop(
            provider.GetRequiredService<IHostApplicationLifetime>(), NullLogger<EmergencyStop>.Instance));
        builder.Services.AddHostedService<Breaks>().AddHostedService<StartsSlowly>();
        using var host = builder.Build();

        await host.StartAsync();
        await host.WaitForShutdownAsync();

        Assert.Equal(ExitCode.Broken, host.Services.GetRequiredService<EmergencyStop>().Code);
    }

    /// <summary>The exit code was once 0, so a supervisor that restarts failed processes left the node down.</summary>
    [Fact]
    public async Task A_service_that_fails_stops_the_node_with_an_exit_code()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddHostedService<Fails>();
        using var host = builder.Build();

        await host.StartAsync();
        await host.WaitForShutdownAsync();

        var services = host.Services.GetServices<IHostedService>().ToList();
        Assert.Equal(ExitCode.Broken, ExitCode.Of(ExitCode.Stopped, services));
        Assert.Equal(ExitCode.Diverged, ExitCode.Of(ExitCode.Diverged, services));
        Assert.Equal(ExitCode.Stopped, ExitCode.Of(ExitCode.Stopped, []));
    }

    private sealed class Fails : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            throw new InvalidOperationException("A fault of the program.");
        }
    }

    private sealed class Breaks(EmergencyStop emergency) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            emergency.Broken(new IOException("The disk is full."));
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class StartsSlowly : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.Delay(1, cancellationToken);
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
