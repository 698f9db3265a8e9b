namespace Quorate.Aggregation;

/// <summary>
/// An update cannot be averaged: damaged on disk, of another shape than the first, or different where all must be
/// equal.
/// </summary>
/// <param name="path">The update's file.</param>
/// <param name="sentence">What is wrong with it.</param>
public sealed class AveragingException(string path, string sentence)
    : Exception($"The update {Path.GetFileName(path)} cannot be averaged: {sentence}");
