using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer;

/// <summary>
/// Downloads a blob from any of several replicas into a file. The bytes grow in PATH.part, which survives a cut, a
/// restart and a change of replica. A damaged part is requested again by itself. The file gets its name only when the
/// whole has the right SHA-256. It is not flushed: coordinators, which need that, have a store of their own. The
/// <paramref name="replicas"/> (at least one) are tried in turn, starting with the first.
/// <para>
/// A recycled file is overwritten: see <see cref="DownloadFiles.Over"/>. If this process is killed meanwhile, new and
/// old bytes cannot be told apart, and the blob is fetched from its start. So no blob above
/// <see cref="OverBytesMax"/> is downloaded that way.
/// </para>
/// </summary>
public sealed class BlobDownload(IReadOnlyList<TransferClient> replicas, RetryRules rules, TimeProvider time)
{
    /// <summary>Damaged parts requested again within one attempt, before the replica counts as bad.</summary>
    private const int RefetchesMax = 16;

    /// <summary>
    /// Complete downloads with a wrong hash before giving up: the first may have begun with an old, bad PATH.part.
    /// </summary>
    private const int WrongWholesMax = 2;

    /// <summary>Half a second of a gigabit line: no loss if it has to be sent again.</summary>
    internal const long OverBytesMax = 64 << 20;

    /// <summary>
    /// Fetches the blob of <paramref name="length"/> bytes to <paramref name="path"/>. <paramref name="progress"/> is
    /// called with the bytes in place so far, from any thread.
    /// </summary>
    /// <exception cref="TransferException">Given up; PATH.part keeps the bytes that arrived.</exception>
    public async Task FetchAsync(BlobHash hash, long length, string path, Action<long>? progress,
        CancellationToken token)
    {
        using var fetch = new State(hash, length, path, progress);
        var pipeline = rules.Pipeline(time);
        try
        {
            for (int wrong = 0; wrong < WrongWholesMax; wrong++)
            {
                // Each turn raises the offset by at least a part (see TryAsync), so this ends.
                while (fetch.Offset < length)
                    await pipeline.ExecuteAsync((state, t) => new ValueTask(TryAsync(state, t)), fetch, token);
                if (fetch.IsRight())
                {
                    fetch.Keep(path);
                    return;
                }
                fetch.Restart();
            }
        }
        catch (Exception e) when (RetryRules.IsPassing(e) || e is RpcException)
        {
            throw new TransferException(
                $"Blob {hash.Short} could not be downloaded; {fetch.Offset} of {length} bytes arrived: "
                + BlobUpload.Say(e), e);
        }
        throw new TransferException(
            $"Blob {hash.Short} arrived {WrongWholesMax} times with a wrong SHA-256; nothing was kept.");
    }

    /// <summary>
    /// One attempt: at one replica, or at the first that has the blob. Returns when it made progress, throws when it
    /// made none.
    /// </summary>
    private async Task TryAsync(State fetch, CancellationToken token)
    {
        for (int asked = 1; ; asked++)
        {
            try
            {
                await TryAsync(fetch, replicas[fetch.Attempt++ % replicas.Count], token);
                return;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.NotFound && asked < replicas.Count)
            {
                // It does not have the blob yet: no reason to wait before trying another one.
            }
        }
    }

    private async Task TryAsync(State fetch, TransferClient replica, CancellationToken token)
    {
        long before = fetch.Offset;
        using var guard = new StallGuard(rules.StallTimeout, time, token);
        try
        {
            using var call = replica.Download(fetch.Ask(0), guard.Token);
            int refetches = 0;
            while (await call.ResponseStream.MoveNext(guard.Token))
            {
                using var part = call.ResponseStream.Current;
                guard.Moved();
                if (part.Offset != fetch.Offset || part.Length == 0 || part.Length > fetch.Length - fetch.Offset)
                    throw new InvalidDataException($"The part at {part.Offset} does not follow {fetch.Offset}.");
                if (part.Intact) fetch.Append(part);
                else if (++refetches > RefetchesMax) throw new InvalidDataException(
                    $"More than {RefetchesMax} parts were damaged.");
                else await RefetchAsync(replica, fetch, part.Length, guard);
            }
            if (fetch.Offset < fetch.Length) throw new InvalidDataException(
                $"The replica stopped at {fetch.Offset} of {fetch.Length} bytes.");
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            if (fetch.Offset == before) throw guard.Fault();
        }
        catch (Exception e) when (RetryRules.IsPassing(e) && fetch.Offset > before)
        {
            // Cut after progress: the next attempt continues from here, at the next replica.
        }
    }

    private static async Task RefetchAsync(TransferClient replica, State fetch, int length, StallGuard guard)
    {
        using var call = replica.Download(fetch.Ask(length), guard.Token);
        if (!await call.ResponseStream.MoveNext(guard.Token)) throw new InvalidDataException(
            "A damaged part was not sent again.");
        using var part = call.ResponseStream.Current;
        guard.Moved();
        if (!part.Intact || part.Offset != fetch.Offset || part.Length != length)
            throw new InvalidDataException($"The part at {fetch.Offset} is damaged, twice.");
        fetch.Append(part);
        await call.ResponseStream.MoveNext(guard.Token); // The end, so that the connection serves the next call.
    }

    /// <summary>The bytes so far: those before <see cref="Offset"/> are in the file and in the hash.</summary>
    private sealed class State : IDisposable
    {
        private readonly BlobHash _hash;
        private readonly string _part, _name;
        private readonly SafeFileHandle _file;
        private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly Action<long>? _progress;

        public State(BlobHash hash, long length, string path, Action<long>? progress)
        {
            (_hash, Length, _progress) = (hash, length, progress);
            var files = new DownloadFiles(path);
            (_part, string over) = (files.Part, files.Over);
            bool isOver = length <= OverBytesMax && !File.Exists(_part) && File.Exists(over);
            if (!isOver) File.Delete(over); // Not needed, and as large as a model.
            _name = isOver ? over : _part;
            _file = File.OpenHandle(_name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            if (isOver) return;
            if (RandomAccess.GetLength(_file) > length) RandomAccess.SetLength(_file, 0);
            Offset = FileHash.Append(_sha, _file);
        }

        public long Length { get; }
        public long Offset { get; private set; }
        public int Attempt { get; set; }

        public DownloadRequest Ask(long length)
        {
            var name = _hash.ToArray();
            return new DownloadRequest { Blob = UnsafeByteOperations.UnsafeWrap(name), Offset = Offset,
                Length = length };
        }

        public void Append(Part part)
        {
            RandomAccess.Write(_file, part.Data.Span, Offset);
            _sha.AppendData(part.Data.Span);
            Offset += part.Length;
            _progress?.Invoke(Offset);
        }

        public bool IsRight() => BlobHash.FromBytes(_sha.GetHashAndReset()) == _hash;

        /// <summary>Forgets all bytes. The hash was reset when it was read.</summary>
        public void Restart()
        {
            RandomAccess.SetLength(_file, 0);
            Offset = 0;
        }

        /// <summary>The blob is complete and right.</summary>
        public void Keep(string path) => Close(path);

        /// <summary>Without <see cref="Keep"/> before, the next download continues from what arrived.</summary>
        public void Dispose()
        {
            if (!_file.IsClosed) Close(_part);
            _sha.Dispose();
        }

        private void Close(string name)
        {
            // Behind the offset there may be bytes of the overwritten file.
            if (RandomAccess.GetLength(_file) > Offset) RandomAccess.SetLength(_file, Offset);
            _file.Dispose();
            if (_name != name) File.Move(_name, name, overwrite: true);
        }
    }
}

/// <summary>The files beside the one that a download makes.</summary>
/// <param name="path">Where the whole blob will be.</param>
public sealed class DownloadFiles(string path)
{
    /// <summary>What <see cref="Part"/> adds to the name.</summary>
    public const string PartSuffix = ".part";

    /// <summary>The bytes so far; a later download continues from it.</summary>
    public string Part { get; } = path + PartSuffix;

    /// <summary>An old file that the download writes over, where there is one: see <see cref="HashedFileStream.Over"/>.
    /// </summary>
    public string Over { get; } = path + ".over";

    /// <summary>Hands the download a file that is not needed any more.</summary>
    public void Recycle(string old) => File.Move(old, Over, overwrite: true);
}
