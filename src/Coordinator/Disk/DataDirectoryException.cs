namespace Quorate.Coordinator.Disk;

/// <summary>A data directory cannot be used; the message is one sentence for the operator.</summary>
public sealed class DataDirectoryException : Exception
{
    public DataDirectoryException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
