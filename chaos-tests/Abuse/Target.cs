using System.Buffers.Binary;
using System.IO.Hashing;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Net.Client;
using Quorate.Shared.Hosts;
using Quorate.Shared.Transfer;

namespace Quorate.ChaosTests.Abuse;

/// <summary>A cluster as an attacker sees it: addresses, and what anybody may ask.</summary>
internal sealed class Target(HostsFile hosts) : IDisposable
{
    public const string Member = "mallory";
    public const ulong Incarnation = 666;

    private readonly GrpcChannel[] _channels =
        [.. hosts.Nodes.Select(node => Channels.Create($"http://{node.Grpc}"))];

    public int Nodes => hosts.Nodes.Count;

    /// <summary>The member list, which anybody can ask for.</summary>
    public IReadOnlyList<string> Members { get; } = MemberList.Of(hosts).Lines;

    public IReadOnlyList<IPEndPoint> Raft { get; } = [.. hosts.Nodes.Select(node => Of(node.Raft))];

    public IReadOnlyList<IPEndPoint> Grpc { get; } = [.. hosts.Nodes.Select(node => Of(node.Grpc))];

    public Federation.FederationClient Federation(int node) => new(_channels[node].CreateCallInvoker());

    public PeersClient Peers(int node) => new(_channels[node].CreateCallInvoker());

    public TransferClient Transfer(int node) => new(_channels[node].CreateCallInvoker());

    /// <summary>The leader's number and its status.</summary>
    public async Task<(int Node, StatusReply Status)> LeaderAsync(CancellationToken token)
    {
        while (true)
        {
            for (int node = 0; node < Nodes; node++)
            {
                try
                {
                    var status = await Federation(node).StatusAsync(
                        new StatusRequest { Trail = 1 }, cancellationToken: token);
                    if (status is { Leader: true, Run: not null }) return (node, status);
                }
                catch (global::Grpc.Core.RpcException)
                {
                    token.ThrowIfCancellationRequested();
                }
            }
            await Pause(50, token);
        }
    }

    public static Task Pause(int milliseconds, CancellationToken token) =>
        Task.Delay(TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System, token);

    /// <summary>An update in the member's name, of bytes that nobody has.</summary>
    public static UploadHeader Update(RunStatus run, long length) => new()
    {
        Blob = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(32)), Length = length,
        Update = new UpdateFacts
        {
            Run = run.Run, Round = run.Round, Trainer = Member, Incarnation = Incarnation, Examples = 1,
            Metrics = { ["loss"] = 1 },
        },
    };

    public static UploadHeader Blob(byte[] content) =>
        new() { Blob = ByteString.CopyFrom(SHA256.HashData(content)), Length = content.Length };

    public void Dispose()
    {
        foreach (var channel in _channels) channel.Dispose();
    }

    private static IPEndPoint Of(HostPort at) => new(IPAddress.Parse(at.Host), at.Port);
}

/// <summary>A connection of an attacker who knows the weight streams' frames and sends what it likes.</summary>
internal sealed class Raw : IDisposable
{
    public const int Download = 1, Upload = 2, PutBlob = 3;
    private const int Call = 1, Part = 2, End = 3, HeadBytes = 20;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public static async Task<Raw> OpenAsync(IPEndPoint to, CancellationToken token)
    {
        var raw = new Raw();
        try
        {
            await raw._socket.ConnectAsync(to, token);
            return raw;
        }
        catch
        {
            raw.Dispose();
            throw;
        }
    }

    public Task PrefaceAsync(CancellationToken token) => SendAsync("QUORATE1"u8.ToArray(), token);

    public Task CallAsync(int method, IMessage message, CancellationToken token)
    {
        byte[] payload = message.ToByteArray();
        byte[] frame = [.. Head(Call, payload.Length, method), .. payload];
        BinaryPrimitives.WriteUInt32LittleEndian(
            frame.AsSpan(16), Crc32.HashToUInt32([.. frame.AsSpan(0, 16), .. payload]));
        return SendAsync(frame, token);
    }

    /// <summary>A part with a correct checksum.</summary>
    public Task PartAsync(byte[] bytes, long offset, CancellationToken token)
    {
        byte[] frame = [.. Head(Part, bytes.Length, offset), .. bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(16), Crc32.HashToUInt32(bytes));
        return SendAsync(frame, token);
    }

    /// <summary>The start of a part that is announced and never sent.</summary>
    public Task HalfPartAsync(int announced, CancellationToken token) =>
        SendAsync([.. Head(Part, announced, 0), 0], token);

    public Task EndAsync(CancellationToken token)
    {
        byte[] frame = Head(End, 0, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(16), Crc32.HashToUInt32(frame.AsSpan(0, 16)));
        return SendAsync(frame, token);
    }

    public async Task SendAsync(byte[] bytes, CancellationToken token)
    {
        for (int sent = 0; sent < bytes.Length;) sent += await _socket.SendAsync(bytes.AsMemory(sent), token);
    }

    /// <summary>Reads an answer, or until the other side closes the connection.</summary>
    public async Task<byte[]> AnswerAsync(CancellationToken token)
    {
        byte[] bytes = new byte[4096];
        int count = await _socket.ReceiveAsync(bytes, token);
        return bytes[..count];
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Head(int kind, int length, long offset)
    {
        byte[] head = new byte[HeadBytes];
        head[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(4), length);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(8), offset);
        return head;
    }
}
