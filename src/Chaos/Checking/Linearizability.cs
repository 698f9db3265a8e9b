namespace Quorate.Chaos.Checking;

/// <summary>
/// Checks promise P6: is there an order of all operations on a key, each at some moment between its call and its
/// return, in which a single register would have given exactly these answers? The search is that of Wing and Gong
/// (1993) with Lowe's cache (2017): place any operation whose call precedes every open return, continue, backtrack when
/// nothing fits, and never try the same set of placed operations with the same state twice.
/// <para>
/// The register of a key is open and empty, closed and empty, or holds one update forever. ACCEPTED requires an open
/// and empty register; DUPLICATE means that it holds this update; STALE that it is empty and closed (which may have
/// happened unobserved); REJECTED that it holds another update or none. A look returns what it holds.
/// </para>
/// </summary>
public static class Linearizability
{
    private const int Open = 0, Closed = 1, FirstHeld = 2;

    /// <summary>One sentence for the first key, by name, whose answers no order explains; empty if there is none.
    /// </summary>
    /// <exception cref="ArgumentException">An operation returns before its call, or is not valid: see
    /// <see cref="Operation"/>.</exception>
    public static IReadOnlyList<string> Violations(IReadOnlyList<Operation> history) =>
    [
        .. history.GroupBy(operation => operation.Key).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new Search([.. group]).Violation()).OfType<string>().Take(1),
    ];

    private sealed class Search
    {
        private readonly Operation[] _operations;
        private readonly List<string> _hashes;
        private readonly ulong[] _placed;
        private readonly HashSet<Tried> _tried = [];
        private readonly Event _head = new(-1, isCall: true);
        private int _unplaced; // operations that have an answer but no place yet

        public Search(IReadOnlyList<Operation> operations)
        {
            // A look without an answer has no effect.
            _operations = [.. operations.Where(o => o is not { Kind: OperationKind.Look, Answer: Answer.Unknown })];
            foreach (var operation in _operations) Validate(operation);
            _hashes = [.. _operations.Select(o => o.Hash).OfType<string>().Distinct()];
            _placed = new ulong[(_operations.Length + 63) / 64];
            _unplaced = _operations.Count(o => o.Answer != Answer.Unknown);
            Link();
        }

        /// <summary>A sentence if there is no such order, or else null.</summary>
        public string? Violation()
        {
            var way = new Stack<(Event Call, int State)>();
            int state = Open, fewest = _unplaced;
            Operation? blocked = null;
            for (var at = _head.Next; _unplaced > 0;)
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
                // The return of an operation without a place: an earlier placement is wrong.
                if (at is not null && (_unplaced < fewest || blocked is null))
                    (fewest, blocked) = (_unplaced, _operations[at.Operation]);
                if (!way.TryPop(out var last)) return Sentence(blocked);
                Displace(last.Call);
                (state, at) = (last.State, last.Call.Next);
            }
            return null;
        }

        /// <summary>The state after the operation; null if it does not fit here or this was tried before.</summary>
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
            if (_operations[i].Answer != Answer.Unknown) _unplaced--;
            return next;
        }

        private void Displace(Event call)
        {
            int i = call.Operation;
            _placed[i / 64] &= ~(1UL << (i % 64));
            call.Return?.PutBack();
            call.PutBack();
            if (_operations[i].Answer != Answer.Unknown) _unplaced++;
        }

        /// <summary>The register's state after this answer; null if it would not give this answer.</summary>
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
                // If it had no effect, it needs no place.
                (Answer.Unknown, Open) => asked,
                _ => null,
            };
        }

        /// <summary>Orders calls and returns by time. At the same time, calls come first: the operations overlap.
        /// </summary>
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

        private static void Validate(Operation operation)
        {
            bool valid = operation.Kind == OperationKind.Look
                ? operation.Answer == Answer.Seen
                : operation is { Answer: not Answer.Seen, Hash: not null };
            if (!valid || (operation.Answer != Answer.Unknown && operation.Return < operation.Call))
                throw new ArgumentException($"This operation is not valid: {operation}.", nameof(operation));
        }

        private string Sentence(Operation? blocked) =>
            $"Key {_operations[0].Key}: no order explains the answers to its {_operations.Length} operations; "
            + $"this one fits nowhere after the operations before it: {blocked}.";
    }

    /// <summary>A call or a return in the linked list of events; the events of a placed operation are
    /// removed.</summary>
    private sealed class Event(int operation, bool isCall)
    {
        public int Operation => operation;
        public bool IsCall => isCall;
        public Event? Previous { get; set; }
        public Event? Next { get; set; }

        /// <summary>The return that belongs to this call; null if there was no answer.</summary>
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

    /// <summary>A set of placed operations and the state after them.</summary>
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
