namespace Quorate.Shared.Transfer;

/// <summary>
/// A transfer was given up. The message names the blob, says what failed last, and what the next attempt can build on.
/// </summary>
public sealed class TransferException(string message, Exception? inner = null) : Exception(message, inner);
