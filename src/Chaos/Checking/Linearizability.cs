namespace Quorate.Chaos.Checking;

/// <summary>
/// Promise P6 as a pure check: is there one order of all operations on a key, each at some moment between its call and
/// its return, in which a single honest register would have given just these answers? The search is the one of Wing and
/// Gong (1993) with Lowe's memory of what was tried (2017): place any operation whose call precedes every open return,
/// go on, go back when nothing fits, and never try the same set of placed operations with the same state twice.
/// <para>
/// The register of a key is open and empty, closed and empty, or holds one update for ever. An offer is ACCEPTED by the
/// open and empty one only; DUPLICATE means that it holds this update; STALE that it is empty and closed (which it may
/// have become unseen); REJECTED that it holds another one or none. A look sees what it holds.
/// </para>
/// </summary>
public static class Linearizability
{
    private const int Open = 0, Closed = 1, FirstHeld = 2;

    /// <summary>The first key, in their order, whose answers no order explains, as a sentence; null: all are.</summary>
    /// <exception cref="ArgumentException">An operation returns before its call, or is none: see
    /// <see cref="Operation"/>.</exception>
    public static string? FirstViolation(IReadOnlyList<Operation> history) => history
        .GroupBy(operation => operation.Key).OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group => new Search([.. group]).Violation()).FirstOrDefault(violation => violation is not null);

    private sealed class Search
    {
        private readonly Operation[] _operations;
        private readonly List<string> _hashes;
        private readonly ulong[] _placed;
        private readonly HashSet<Tried> _tried = [];
        private readonly Event _head = new(-1, isCall: true);
        private int _awaited; // operations with an answer that have no place yet

        public Search(IReadOnlyList<Operation> operations)
        {
            // A look without an answer shows nothing and does nothing.
            _operations = [.. operations.Where(o => o is not { Kind: OperationKind.Look, Answer: Answer.Unknown })];
            foreach (var operation in _operations) Demand(operation);
            _hashes = [.. _operations.Select(o => o.Hash).OfType<string>().Distinct()];
            _placed = new ulong[(_operations.Length + 63) / 64];
            _awaited = _operations.Count(o => o.Answer != Answer.Unknown);
            Link();
        }

        public string? Violation()
        {
            var way = new Stack<(Event Call, int State)>();
            int state = Open, fewest = _awaited;
            Operation? blocked = null;
            for (var at = _head.Next; _awaited > 0;)
            {
                if (at is { IsCall: true })
                {
                    if (Place(at, state) is { } next)
                    {
                        way.Push((at, state));
                        (state, at) = (next, _head.Next);
                    }
                    else at = at.Next;
                    continue;
                }
                // A return whose operation has no place yet: what was placed before it is wrong.
                if (at is not null && (_awaited < fewest || blocked is null))
                    (fewest, blocked) = (_awaited, _operations[at.Operation]);
                if (!way.TryPop(out var last)) return Sentence(blocked);
                Displace(last.Call);
                (state, at) = (last.State, last.Call.Next);
            }
            return null;
        }

        /// <summary>The state behind the operation; null: it does not fit here, or that was tried before.</summary>
        private int? Place(Event call, int state)
        {
            int i = call.Operation;
            if (Step(state, _operations[i]) is not { } next) return null;
            _placed[i / 64] |= 1UL << (i % 64);
            if (!_tried.Add(new Tried([.. _placed], next)))
            {
                _placed[i / 64] &= ~(1UL << (i % 64));
                return null;
            }
            call.Remove();
            call.Return?.Remove();
            if (_operations[i].Answer != Answer.Unknown) _awaited--;
            return next;
        }

        private void Displace(Event call)
        {
            int i = call.Operation;
            _placed[i / 64] &= ~(1UL << (i % 64));
            call.Return?.PutBack();
            call.PutBack();
            if (_operations[i].Answer != Answer.Unknown) _awaited++;
        }

        /// <summary>What an honest register becomes when it gives this answer; null: it never would.</summary>
        private int? Step(int state, Operation operation)
        {
            int asked = operation.Hash is { } hash ? FirstHeld + _hashes.IndexOf(hash) : -1;
            return (operation.Answer, state) switch
            {
                (Answer.Accepted, Open) => asked,
                (Answer.Duplicate, >= FirstHeld) when state == asked => state,
                (Answer.Stale, Open or Closed) => Closed,
                (Answer.Rejected, _) when state != asked => state,
                (Answer.Seen, Open or Closed) when operation.Hash is null => state,
                (Answer.Seen, >= FirstHeld) when state == asked => state,
                // It needs no place where it had no effect.
                (Answer.Unknown, Open) => asked,
                _ => null,
            };
        }

        /// <summary>Calls and returns in the order of time; at one moment calls come first: they overlap.</summary>
        private void Link()
        {
            var events = new List<(long At, Event Event)>();
            for (int i = 0; i < _operations.Length; i++)
            {
                var call = new Event(i, isCall: true);
                events.Add((_operations[i].Call, call));
                if (_operations[i].Answer == Answer.Unknown) continue;
                call.Return = new Event(i, isCall: false);
                events.Add((_operations[i].Return, call.Return));
            }
            var last = _head;
            foreach (var (_, next) in events.OrderBy(e => e.At).ThenBy(e => !e.Event.IsCall))
            {
                (last.Next, next.Previous) = (next, last);
                last = next;
            }
        }

        private static void Demand(Operation operation)
        {
            bool whole = operation.Kind == OperationKind.Look
                ? operation.Answer == Answer.Seen
                : operation is { Answer: not Answer.Seen, Hash: not null };
            if (!whole || (operation.Answer != Answer.Unknown && operation.Return < operation.Call))
                throw new ArgumentException($"This is no operation: {operation}.", nameof(operation));
        }

        private string Sentence(Operation? blocked) =>
            $"Key {_operations[0].Key}: no order explains the answers to its {_operations.Length} operations; "
            + $"this one fits nowhere behind what came before it: {blocked}.";
    }

    /// <summary>A call or a return, in a list from which whatever has a place is taken out.</summary>
    private sealed class Event(int operation, bool isCall)
    {
        public int Operation => operation;
        public bool IsCall => isCall;
        public Event? Previous { get; set; }
        public Event? Next { get; set; }

        /// <summary>Of a call; null where no answer came.</summary>
        public Event? Return { get; set; }

        public void Remove()
        {
            Previous!.Next = Next;
            if (Next is not null) Next.Previous = Previous;
        }

        public void PutBack()
        {
            Previous!.Next = this;
            if (Next is not null) Next.Previous = this;
        }
    }

    /// <summary>Which operations were placed, and the state behind them.</summary>
    private sealed class Tried(ulong[] placed, int state) : IEquatable<Tried>
    {
        public bool Equals(Tried? other) =>
            other is not null && state == other.State && placed.AsSpan().SequenceEqual(other.Placed);

        private int State => state;
        private ulong[] Placed => placed;

        public override bool Equals(object? obj) => Equals(obj as Tried);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (ulong word in placed) hash.Add(word);
            hash.Add(state);
            return hash.ToHashCode();
        }
    }
}
