using System.Globalization;
using System.Text;
using Quorate.Cli.Show;

namespace Quorate.Unit.Cli;

/// <summary>
/// A terminal of a given size: it receives what a program writes and knows what is on its screen. It understands the
/// few escape sequences that the command line uses, and refuses all others.
/// </summary>
internal sealed class ScreenTerminal(int width, int height) : TextWriter
{
    private readonly List<StringBuilder> _rows = [new()];
    private int _top, _row, _column;
    private string _sequence = "";

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Everything that was written, as it came.</summary>
    public StringBuilder Written { get; } = new();

    /// <summary>Rows that ran into the right edge and continued in the next row.</summary>
    public List<string> Wrapped { get; } = [];

    /// <summary>The rows on the screen, without spaces at their ends.</summary>
    public IReadOnlyList<string> Screen => [.. _rows.Skip(_top).Select(row => row.ToString().TrimEnd())];

    /// <summary>The rows on the screen and those that scrolled off above.</summary>
    public IReadOnlyList<string> Everything => [.. _rows.Select(row => row.ToString().TrimEnd())];

    public Output Output(bool colour = true) => new(this, () => (width, height), colour);

    public override void Write(char value)
    {
        Written.Append(value);
        if (_sequence.Length > 0 || value == '\e') Sequence(value);
        else if (value == '\n') (_row, _column) = (_row + 1, 0);
        else if (value == '\r') _column = 0;
        else Put(value);
        while (_rows.Count <= _row) _rows.Add(new StringBuilder());
        _top = Math.Max(_top, _rows.Count - height);
    }

    private void Put(char value)
    {
        Assert.False(char.IsControl(value), $"U+{(int)value:x4} reached the terminal");
        if (_column == width)
        {
            Wrapped.Add(_rows[_row].ToString());
            (_row, _column) = (_row + 1, 0);
            if (_rows.Count <= _row) _rows.Add(new StringBuilder());
        }
        var row = _rows[_row];
        while (row.Length <= _column) row.Append(' ');
        row[_column++] = value;
    }

    private void Sequence(char value)
    {
        _sequence += value;
        if (_sequence.Length < 3 || !char.IsAsciiLetter(value)) return;
        string parameters = _sequence[2..^1];
        int number = int.TryParse(parameters, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0;
        switch (value)
        {
            case 'm':
                break;
            case 'A':
                _row = Math.Max(_top, _row - number);
                break;
            case 'H':
                (_row, _column) = (_top, 0);
                break;
            case 'K':
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                break;
            case 'J' when number == 2:
                foreach (var row in _rows.Skip(_top)) row.Clear();
                break;
            case 'J':
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                break;
            default:
                Assert.Fail($"unknown escape sequence {_sequence[1..]}");
                break;
        }
        _sequence = "";
    }
}
