using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>One Raft connection as the library sees it.</summary>
internal sealed class RaftConnection : ConnectionContext, IDuplexPipe
{
    /// <summary>Bytes of a block; the library takes its size from the writer's buffer.</summary>
    private const int BlockBytes = 64 << 10;

    private readonly NetworkStream _stream;
    private readonly CancellationTokenSource _closed = new();
    private int _disposed;

    public RaftConnection(NetworkStream stream)
    {
        _stream = stream;
        RemoteEndPoint = stream.Socket.RemoteEndPoint;
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: BlockBytes / 4));
        Output = PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: BlockBytes));
        Transport = this;
        ConnectionClosed = _closed.Token;
    }

    public PipeReader Input { get; }
    public PipeWriter Output { get; }
    public override IDuplexPipe Transport { get; set; }
    public override string ConnectionId { get; set; } = "";
    public override IFeatureCollection Features { get; } = new FeatureCollection();
    public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

    public override void Abort(ConnectionAbortedException abortReason) => Close();

    public override ValueTask DisposeAsync()
    {
        Close();
        return base.DisposeAsync();
    }

    private void Close()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _closed.Cancel();
        _stream.Dispose();
    }
}

/// <summary>
/// Opens Raft connections. The host name is looked up at each dial, so a member that returns with a new address is
/// found again. The introduction costs no round trip: this node sends its own and continues; the answer is read and
/// judged before the first byte for the library.
/// </summary>
internal sealed class RaftDialler(
    ConsensusOptions options, Introductions introductions, ILogger logger, TimeProvider time)
    : IConnectionFactory
{
    /// <summary>
    /// Votes take 57 bytes and heartbeats 69; a request with an entry takes at least 90 (DotNext 6.12).
    /// </summary>
    private const int QuickRequestBytes = 80;

    private readonly Lock _gate = new();
    private readonly HashSet<int> _unresolved = [];

    private TimeSpan QuickTimeout => options.RequestTimeout;

    private TimeProvider Time => time;

    /// <param name="endpoint">The member's identity, from <see cref="RaftNode.EndPointOf"/>.</param>
    public async ValueTask<ConnectionContext> ConnectAsync(
        EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var member = options.Members.First(member => RaftNode.EndPointOf(member).Equals(endpoint));
        var at = member.Dial ?? member.Raft;
        await ResolveAsync(member, at.Host, cancellationToken);
        var socket = await options.Names.ConnectAsync(at.Host, at.Port, cancellationToken);
        var stream = new IntroducedStream(this, socket, member.Id);
        try
        {
            await stream.IntroduceAsync(introductions.Own(member.Id).ToBytes(), cancellationToken);
            return new RaftConnection(stream);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Says once that a name has no address, and once that it has one again.</summary>
    private async Task ResolveAsync(Member member, string host, CancellationToken token)
    {
        try
        {
            await options.Names.ResolveAsync(host, token);
            bool again;
            lock (_gate) again = _unresolved.Remove(member.Id);
            if (again) logger.NameResolved(member.Id, host);
        }
        catch (SocketException)
        {
            bool first;
            lock (_gate) first = _unresolved.Add(member.Id);
            if (first) logger.NameUnresolved(member.Id, host);
            throw;
        }
    }

    private async ValueTask ReadIntroductionAsync(NetworkStream stream, int member, CancellationToken token)
    {
        byte[] answer = new byte[Introduction.Size];
        for (int read = 0; read < answer.Length;)
        {
            int count = await stream.Socket.ReceiveAsync(answer.AsMemory(read), token);
            if (count == 0) throw new IOException($"Node {member} closed the connection.");
            read += count;
        }
        var other = Introduction.Parse(answer);
        var verdict = introductions.Judge(other, member);
        introductions.Report(member, verdict);
        introductions.Report(member, other.Verdict, byPeer: true);
        if (verdict != Refusal.None || other.Verdict != Refusal.None)
            throw new IOException($"Node {member} and this node do not accept each other.");
    }

    /// <summary>
    /// A dialled connection. Its first read takes the other side's introduction off the stream.
    /// <para>
    /// The library knows one time limit for all requests. Votes and heartbeats need a short one, because a vote waits
    /// for all members, and a leader whose follower must be sent older entries waits for all answers. Entries and
    /// snapshots need a long one, because they are answered after a flush. So the answer to a small request is read
    /// within the short limit.
    /// </para>
    /// </summary>
    private sealed class IntroducedStream(RaftDialler dialler, Socket socket, int member)
        : NetworkStream(socket, ownsSocket: true)
    {
        private bool _introduced;
        private long _asked;

        /// <summary>Sends this node's introduction.</summary>
        public ValueTask IntroduceAsync(byte[] introduction, CancellationToken token) =>
            base.WriteAsync(introduction, token);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _asked += buffer.Length;
            return base.WriteAsync(buffer, cancellationToken);
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            bool quick = _asked <= QuickRequestBytes;
            _asked = 0;
            return quick ? ReadQuicklyAsync(buffer, cancellationToken) : ReadAnyAsync(buffer, cancellationToken);
        }

        private async ValueTask<int> ReadQuicklyAsync(Memory<byte> buffer, CancellationToken token)
        {
            using var limit = new CancellationTokenSource(dialler.QuickTimeout, dialler.Time);
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, limit.Token);
            try
            {
                return await ReadAnyAsync(buffer, bound.Token);
            }
            catch (OperationCanceledException) when (!token.IsCancellationRequested)
            {
                throw new IOException(
                    $"Node {member} did not answer within {dialler.QuickTimeout.TotalMilliseconds} ms.");
            }
        }

        private ValueTask<int> ReadAnyAsync(Memory<byte> buffer, CancellationToken token) =>
            _introduced ? base.ReadAsync(buffer, token) : ReadFirstAsync(buffer, token);

        private async ValueTask<int> ReadFirstAsync(Memory<byte> buffer, CancellationToken token)
        {
            await dialler.ReadIntroductionAsync(this, member, token);
            _introduced = true;
            return await base.ReadAsync(buffer, token);
        }
    }
}

/// <summary>
/// Accepts Raft connections. The library receives only those of a member that introduced itself and was accepted.
/// Bounded: introductions at a time, the time for each, and one connection per member.
/// </summary>
internal sealed class RaftListener(IPEndPoint listen, Introductions introductions, TimeProvider time)
    : IConnectionListenerFactory, IConnectionListener
{
    private const int Backlog = 32, IntroducingMax = 64;

    private static readonly TimeSpan _introductionMax = TimeSpan.FromSeconds(2);

    /// <summary>After a failed accept, such as too many open files.</summary>
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);

    private readonly Channel<ConnectionContext> _accepted = Channel.CreateUnbounded<ConnectionContext>();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<int, RaftConnection> _open = [];
    private Socket? _socket;
    private int _introducing;

    public EndPoint EndPoint => listen;

    /// <exception cref="SocketException">This node cannot listen there.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(listen);
            socket.Listen(Backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        _socket = socket;
        _ = AcceptAllAsync(socket);
        return new(this);
    }

    /// <summary>The next accepted member; null once the listener has stopped.</summary>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _accepted.Reader.WaitToReadAsync(cancellationToken) && _accepted.Reader.TryRead(out var connection)
            ? connection
            : null;

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _stop.Cancel();
        _socket?.Dispose();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        RaftConnection[] open;
        lock (_gate) open = [.. _open.Values];
        foreach (var connection in open) await connection.DisposeAsync();
    }

    private async Task AcceptAllAsync(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptAsync(_stop.Token);
                if (Interlocked.Increment(ref _introducing) <= IntroducingMax) _ = IntroduceAsync(socket);
                else Drop(socket);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }
            catch (SocketException)
            {
                await Task.Delay(_pause, time, CancellationToken.None);
            }
        }
        _accepted.Writer.TryComplete();
    }

    private void Drop(Socket socket)
    {
        Interlocked.Decrement(ref _introducing);
        socket.Dispose();
    }

    private async Task IntroduceAsync(Socket socket)
    {
        var stream = new NetworkStream(socket, ownsSocket: true);
        bool handedOver = false;
        try
        {
            socket.NoDelay = true;
            using var limit = new CancellationTokenSource(_introductionMax, time);
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
            byte[] asked = new byte[Introduction.Size];
            await stream.ReadExactlyAsync(asked, bound.Token);
            var other = Introduction.Parse(asked);
            var verdict = introductions.Judge(other, expected: null);
            introductions.Report(other.From, verdict);
            await stream.WriteAsync(introductions.Own(other.From, verdict).ToBytes(), bound.Token);
            if (verdict == Refusal.None) handedOver = await HandOverAsync(other.From, new RaftConnection(stream));
        }
        catch (Exception e) when (
            e is IOException or InvalidDataException or OperationCanceledException or SocketException
                or ObjectDisposedException)
        {
            // A stranger, a member that was too slow, or this node is stopping. A member dials again.
        }
        finally
        {
            Interlocked.Decrement(ref _introducing);
            if (!handedOver) await stream.DisposeAsync();
        }
    }

    /// <summary>A member has one connection to each other one; a new one replaces what is left of the last.</summary>
    private async Task<bool> HandOverAsync(int member, RaftConnection connection)
    {
        RaftConnection? last;
        lock (_gate)
        {
            if (_stop.IsCancellationRequested) return false;
            _open.TryGetValue(member, out last);
            _open[member] = connection;
        }
        if (last is not null) await last.DisposeAsync();
        return _accepted.Writer.TryWrite(connection);
    }
}
