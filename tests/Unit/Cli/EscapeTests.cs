using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Cli;
using Quorate.Cli.Commands;
using Quorate.Cli.Show;
using Quorate.Client.Attending;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Unit.Cli;

/// <summary>Nothing that comes from the network or a file controls a terminal or hides a part of a line.</summary>
public sealed partial class EscapeTests
{
    /// <summary>All characters of C0, C1 and bidirectional control, line separators and invisible ones.</summary>
    private static readonly string _evil = "evil" + string.Concat(
        Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7f, 0x21)).Select(code => (char)code))
        + "\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060"
        + "\u2066\u2067\u2068\u2069\ufeff";

    [Fact]
    public void Every_character_that_a_terminal_obeys_or_hides_is_escaped_and_no_other()
    {
        for (int code = 0; code <= 0x10ffff; code++)
        {
            if (code is >= 0xd800 and <= 0xdfff) continue;
            string text = char.ConvertFromUtf32(code);
            var category = CharUnicodeInfo.GetUnicodeCategory(code);
            bool hidden = category is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
            string escaped = PlainText.Escape($"a{text}b");
            if (!hidden) Assert.Equal($"a{text}b", escaped);
            else Assert.Matches(@"^a(\\u[0-9a-f]{4}){1,2}b$", escaped);
        }
        Assert.Equal("a\\ud800b\\udc00", PlainText.Escape("a\ud800b\udc00"));
        Assert.Equal("a\u202eb", JsonSerializer.Deserialize<string>(PlainText.Escape("\"a\u202eb\"")));
    }

    [Fact]
    public void Every_printed_field_of_a_status_is_escaped()
    {
        var reply = (StatusReply)Filled(StatusReply.Descriptor, depth: 0);
        var hosts = HostsFile.Parse("""{ "nodes": [ { "id": 0, "raft": "a:1", "grpc": "a:2" } ] }""");
        var view = new ClusterView([(hosts.Nodes[0], reply)], _evil, [_evil]);
        using var writer = new StringWriter();
        var stream = new Output(writer);

        stream.Lines(StatusText.Lines(view, 80));
        stream.Lines(StatusText.Run(reply, 80));
        stream.Lines(StatusText.Runs(reply.Runs));
        stream.Lines(ModelCommands.Pulled(reply.Run, reply.Run.Trail[0], _evil, _evil));
        stream.Line(ModelCommands.Verified(reply.Run.Trail[0], [(0, Copy.None)], newest: true).Line);
        stream.Line(ClusterText.Round(reply.Run.Trail[0], 1, 1));
        stream.Whole(StatusText.Json(view));
        new PlainView(stream).Line(_evil, Tone.Plain);

        AssertPlain(writer.ToString());
        Assert.True(writer.ToString().Split("evil").Length > 20, "the fields are not shown");
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(120, 40)]
    public void Every_field_that_is_drawn_on_a_terminal_is_escaped(int width, int height)
    {
        var reply = (StatusReply)Filled(StatusReply.Descriptor, depth: 0);
        var hosts = HostsFile.Parse("""{ "nodes": [ { "id": 0, "raft": "a:1", "grpc": "a:2" } ] }""");
        var view = new ClusterView([(hosts.Nodes[0], reply)], _evil, [_evil]);
        var terminal = new ScreenTerminal(width, height);
        StatusCommand.Redraw(terminal.Output(), view);
        using (var live = new LiveView(terminal.Output()))
        {
            live.Show(new Snapshot(_evil, view, 1));
            live.Line(_evil, Tone.Bad);
        }
        AssertPlain(Sequences().Replace(terminal.Written.ToString(), "").Replace("\r", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Refusals_a_trainers_lines_and_log_events_are_escaped_and_stay_one_line()
    {
        using var writer = new StringWriter();
        new Terminal(new FakeTimeProvider(), writer, writer, "0").Say(_evil);
        new Output(writer).Line(new CommandException(ExitCode.BadInput, _evil).Message);
        var entry = new LogEntry<string>(
            LogLevel.Error, "Quorate", new EventId(7), _evil, new IOException(_evil), (state, _) => state);
        new LogLines().Write(entry, null, writer);
        Assert.Equal(4, writer.ToString().Split('\n').Length);
        AssertPlain(writer.ToString());
    }

    [Fact]
    public void A_log_line_has_the_time_the_level_the_category_and_the_id()
    {
        using var writer = new StringWriter();
        new LogLines().Write(
            new LogEntry<string>(LogLevel.Warning, "Quorate.X", new EventId(7), "a\nb", null, (state, _) => state),
            null, writer);
        Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{3} warn: Quorate\.X\[7\] a b\n$", writer.ToString());
    }

    /// <summary>A message with an evil text in every field that can hold one.</summary>
    private static IMessage Filled(MessageDescriptor descriptor, int depth)
    {
        Assert.True(depth < 8, "messages contain each other");
        var message = descriptor.Parser.ParseFrom(ByteString.Empty);
        foreach (var field in descriptor.Fields.InFieldNumberOrder())
        {
            if (field.IsMap) ((MapField<string, double>)field.Accessor.GetValue(message))[_evil] = 1;
            else if (field.IsRepeated && field.FieldType is FieldType.Message)
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(Filled(field.MessageType, depth + 1));
            else if (field.IsRepeated && field.FieldType is FieldType.String)
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(_evil);
            else if (field.FieldType is FieldType.String) field.Accessor.SetValue(message, _evil);
            else if (field.FieldType is FieldType.Bytes)
                field.Accessor.SetValue(message, ByteString.CopyFrom(new byte[32]));
            else if (field.FieldType is FieldType.Message)
                field.Accessor.SetValue(message, Filled(field.MessageType, depth + 1));
        }
        return message;
    }

    private static void AssertPlain(string printed) => Assert.DoesNotContain(
        printed.Replace("\n", "", StringComparison.Ordinal),
        c => CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate);

    [GeneratedRegex(@"\e\[[0-9;]*[AHJKm]")]
    private static partial Regex Sequences();
}
