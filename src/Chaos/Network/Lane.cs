using System.Net.Sockets;

namespace Quorate.Chaos.Network;

/// <summary>One direction of a link: the weather of all its connections, and counters of its effects.</summary>
public sealed class Lane
{
    private readonly Lock _lock = new();
    private Weather _weather = Weather.Fair;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _left = long.MaxValue, _passed, _flips, _cuts;

    public Weather Weather
    {
        get { lock (_lock) return _weather; }
        set
        {
            lock (_lock)
            {
                (_weather, _left) = (value, value.CutAfter ?? long.MaxValue);
                var changed = _changed;
                _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
                changed.SetResult();
            }
        }
    }

    /// <summary>Bytes that arrived.</summary>
    public long Passed => Interlocked.Read(ref _passed);

    /// <summary>Bits flipped in the bytes that arrived.</summary>
    public long Flips => Interlocked.Read(ref _flips);

    /// <summary>Connections reset by <see cref="Weather.CutAfter"/>.</summary>
    public long Cuts => Interlocked.Read(ref _cuts);

    /// <summary>Returns once the lane is not held.</summary>
    internal async Task WhenClearAsync(CancellationToken token)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (!_weather.Held) return;
                changed = _changed.Task;
            }
            await changed.WaitAsync(token);
        }
    }

    /// <summary>
    /// Forwards bytes until the sender closes its side, and then closes the receiver's. Memory: one buffer; held or
    /// delayed bytes stay in the sender's socket.
    /// </summary>
    /// <exception cref="SocketException">A connection broke or was cut.</exception>
    internal async Task CarryAsync(Socket from, Socket to, Draws draws, TimeProvider time, CancellationToken token)
    {
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            int count = await from.ReceiveAsync(buffer, token);
            await WhenClearAsync(token);
            var weather = Weather;
            var delay = weather.Delay + weather.Jitter * (2 * draws.Share() - 1);
            if (delay > TimeSpan.Zero) await Task.Delay(delay, time, token);
            await WhenClearAsync(token); // Delayed bytes are held too if the weather has changed.
            if (count == 0) break;
            if (count >= Network.Weather.FlipFrom && draws.Share() < weather.FlipChance)
            {
                buffer[draws.Below(count)] ^= (byte)(1 << draws.Below(8));
                Interlocked.Increment(ref _flips);
            }
            int allowed = Take(count);
            for (int sent = 0; sent < allowed;)
                sent += await to.SendAsync(buffer.AsMemory(sent, allowed - sent), token);
            Interlocked.Add(ref _passed, allowed);
            if (allowed < count) throw new SocketException((int)SocketError.ConnectionReset);
        }
        to.Shutdown(SocketShutdown.Send);
    }

    /// <summary>How many of these bytes pass before the cut. The cut happens once.</summary>
    private int Take(int count)
    {
        lock (_lock)
        {
            if (_left >= count)
            {
                if (_left != long.MaxValue) _left -= count;
                return count;
            }
            int allowed = (int)_left;
            _left = long.MaxValue;
            _cuts++;
            return allowed;
        }
    }
}
