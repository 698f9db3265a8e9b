namespace Quorate.Trainer;

/// <summary>
/// Something outside the program is wrong: a file, a setting, the machine. The message is one sentence for the user
/// that names what, where, and how to fix it; nothing has been changed.
/// </summary>
internal sealed class TrainerException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Trying again may help: the cause is the disk, not what is on it.</summary>
    public bool IsTemporary => InnerException is IOException or UnauthorizedAccessException;

    /// <summary>The data set is missing or damaged: somebody may put it right while a trainer waits.</summary>
    public bool IsAboutData { get; init; }
}
