namespace Quorate.Pt;

/// <summary>
/// The file is not a .pt file that we read: the message is one sentence that names what is wrong, where, and where it
/// can be mended, how. The only exception that <see cref="PtFile"/> throws because of a file's content.
/// </summary>
public sealed class PtFormatException(string sentence) : Exception(sentence);
