using System.Buffers;
using System.IO.Pipelines;
using Quorate.Coordinator.Doors;
using Quorate.Shared.Transfer.Streams;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>
/// One connection that carries weights: pipes at both ends, and between them bytes that arrive late, in pieces of any
/// size, with a flipped bit, or not at all.
/// </summary>
internal sealed class Wire
{
    private const int PieceMax = 16 * 1024;

    private static readonly TimeSpan _again = TimeSpan.FromMilliseconds(50);

    private readonly SimulatedNetwork _network;
    private readonly Machine _client, _server;
    private readonly Pipe _clientIn = new(), _clientOut = new(), _serverIn = new(), _serverOut = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenRegistration _clientDeath, _serverDeath;
    private bool _broken;

    public Wire(SimulatedNetwork network, Machine client, Services server)
    {
        (_network, _client, _server) = (network, client, server.Machine);
        Client = new StreamConnection(
            new Ends(_clientIn.Reader, _clientOut.Writer, () => Break("closed")), () => !_broken);
        _clientDeath = client.Death.Register(() => Break("the other side died"));
        _serverDeath = _server.Death.Register(() => Break("the other side died"));
        _ = PumpAsync(_clientOut.Reader, _serverIn.Writer, _client, _server);
        _ = PumpAsync(_serverOut.Reader, _clientIn.Writer, _server, _client);
        _ = ServeAsync(server.Weights);
    }

    public StreamConnection Client { get; }

    private async Task ServeAsync(StreamServer weights)
    {
        var ends = new Ends(_serverIn.Reader, _serverOut.Writer, () => { });
        await weights.ServeAsync(ends, Caller.Anonymous, CancellationToken.None, _closed.Token);
        if (_server.IsAlive) Break("closed by the server");
    }

    private async Task PumpAsync(PipeReader from, PipeWriter to, Machine sender, Machine receiver)
    {
        while (!_broken)
        {
            var result = await from.ReadAsync();
            if (result.IsCanceled || (result.IsCompleted && result.Buffer.IsEmpty)) break;
            byte[] piece = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, PieceMax)).ToArray();
            from.AdvanceTo(result.Buffer.GetPosition(piece.Length));
            await CarryAsync(sender, receiver);
            if (_broken || !receiver.IsAlive) break;
            _network.World.Trace.Add(_network.World.Now, piece.Length);
            _network.Weights.Spoil(piece);
            if (_network.Weights.Cuts()) Break("cut");
            else await to.WriteAsync(piece);
        }
        await from.CompleteAsync();
    }

    private async Task CarryAsync(Machine sender, Machine receiver)
    {
        await WaitAsync(_network.Links.Delay());
        for (int held = 0; !_broken && sender.IsAlive; held++)
        {
            bool open = _network.Links.IsOpen(sender.Id, receiver.Id) && _network.Links.IsOpen(receiver.Id, sender.Id);
            if (open && !receiver.IsPaused) return;
            if (!open && held > 200) Break("nothing came through");
            await WaitAsync(_again);
        }
    }

    private Task WaitAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        _network.World.After(delay, over.SetResult);
        return over.Task;
    }

    /// <summary>Each living side learns of the break after a delay.</summary>
    private void Break(string why)
    {
        if (_broken) return;
        _broken = true;
        _clientDeath.Dispose();
        _serverDeath.Dispose();
        _clientOut.Reader.CancelPendingRead();
        _serverOut.Reader.CancelPendingRead();
        _client.After(_network.Links.Delay(), () => _clientIn.Writer.Complete(new IOException(why)));
        _server.After(_network.Links.Delay(), () =>
        {
            _serverIn.Writer.Complete();
            _closed.Cancel();
        });
    }
}

/// <summary>One side's end of a wire.</summary>
internal sealed class Ends(PipeReader input, PipeWriter output, Action closed) : Stream
{
    private readonly Stream _input = input.AsStream(), _output = output.AsStream();

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _input.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _output.WriteAsync(buffer, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        closed();
        base.Dispose(disposing);
    }
}

/// <summary>The current faults of weight streams.</summary>
internal sealed class WeightFaults(SimulatedWorld world)
{
    private readonly Draws _draws = world.Stream("weights");

    /// <summary>The probability that the connection breaks at a piece.</summary>
    public double Cut { get; set; }

    /// <summary>The probability that one bit of a piece is flipped.</summary>
    public double Corrupt { get; set; }

    public bool Cuts()
    {
        if (!_draws.Chance(Cut)) return false;
        world.Trace.Mark("a weight stream cut");
        return true;
    }

    public void Spoil(byte[] piece)
    {
        if (!_draws.Chance(Corrupt)) return;
        piece[_draws.Below(piece.Length)] ^= (byte)(1 << _draws.Below(8));
        world.Trace.Mark("a byte corrupted on its way");
    }
}
