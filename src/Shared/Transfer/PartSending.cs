using Grpc.Core;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer;

/// <summary>Sends a blob over one client-streaming call (Upload or PutBlob) and returns what was answered.</summary>
public static class PartSending
{
    /// <summary>
    /// Sends from <paramref name="offset"/> on, at least one part (the header may travel alone). The receiver may
    /// answer before the end, for example INCOMPLETE with another offset; then sending stops. The guard judges only
    /// the receiver's silence, not that of a source that is still being written. After the last part, the receiver has
    /// <paramref name="answerWithin"/> to answer.
    /// </summary>
    /// <exception cref="TimeoutException">The receiver took or answered nothing within the guard's limit.</exception>
    /// <exception cref="RpcException">The call failed.</exception>
    /// <exception cref="EndOfStreamException">The source ended early.</exception>
    public static async Task<VerdictReply> SendAsync(
        AsyncClientStreamingCall<Part, VerdictReply> call, UploadHeader header, BlobSource source, long offset,
        StallGuard guard, TimeSpan answerWithin, Action<long>? progress = null)
    {
        var answer = call.ResponseAsync;
        try
        {
            await StreamAsync(call, header, source, offset, guard, progress);
            guard.Await(answerWithin);
            return await answer.WaitAsync(guard.Token);
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            throw guard.Fault();
        }
    }

    private static async Task StreamAsync(
        AsyncClientStreamingCall<Part, VerdictReply> call, UploadHeader header, BlobSource source, long offset,
        StallGuard guard, Action<long>? progress)
    {
        UploadHeader? first = header;
        int usual = Part.BytesOf(source.Length);
        do
        {
            if (source.Available <= offset)
            {
                guard.Pause();
                var more = source.WaitAsync(offset, guard.Token);
                if (await Task.WhenAny(more, call.ResponseAsync) != more) return;
                await more;
            }
            // Rented for each part: a lane that waits for its source holds no buffer.
            using var part = Part.Rent(usual);
            int count = source.Read(offset, part.Room.Span[..usual]);
            part.Fill(offset, count);
            part.Header = first;
            part.Last = offset + count == source.Length;
            guard.Moved();
            if (!await IsTakenAsync(call.RequestStream.WriteAsync(part, guard.Token), guard)) return;
            CrashPoint.Pass("part-sent");
            first = null;
            offset += count;
            progress?.Invoke(offset);
        }
        while (offset < source.Length && !call.ResponseAsync.IsCompleted);
        await IsTakenAsync(call.RequestStream.CompleteAsync(), guard);
    }

    /// <summary>
    /// False: the receiver takes no more. It has answered already, or the connection broke (which the client sometimes
    /// reports as an IOException); either way the call's answer says more than this failure.
    /// </summary>
    private static async Task<bool> IsTakenAsync(Task write, StallGuard guard)
    {
        try
        {
            await write;
            return true;
        }
        catch (Exception e) when (e is RpcException or IOException or InvalidOperationException
            || (e is OperationCanceledException && !guard.Token.IsCancellationRequested))
        {
            return false;
        }
    }
}
