using System.Globalization;
using System.Text;

namespace Chassis.Web;

/// <summary>What may stand in a text of one line that people read: a name, a line of an address, a reason.</summary>
public static class LineOfText
{
    // They join and separate letters in the scripts of Persia and India, and people and their attributes in emoji.
    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;

    // Letters and symbols by their category, and nothing to see: fillers of Hangul, and the empty pattern of Braille.
    private static readonly int[] Blank = [0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0];

    /// <returns>What is wrong, to be put behind the name of the field; null when nothing is.</returns>
    public static string? ProblemOf(string text)
    {
        var isVisible = text.Length == 0;
        foreach (var rune in text.EnumerateRunes())
        {
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control:
                    return "must not contain control characters.";
                case UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    return "must be one line.";
                case UnicodeCategory.Format when rune.Value is not (ZeroWidthJoiner or ZeroWidthNonJoiner):
                    return "must not contain invisible characters, nor any that turn the direction of writing.";
                case UnicodeCategory.Format or UnicodeCategory.SpaceSeparator:
                    break;
                default:
                    isVisible |= !Blank.Contains(rune.Value);
                    break;
            }
        }

        return isVisible ? null : "must have a character that can be seen.";
    }
}
