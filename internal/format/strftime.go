package format

import (
	"strconv"
	"time"
)

// AppendTime appends the time as strftime does in the C locale: what stands
// behind a percent sign is a part of t, all else is itself.
func AppendTime(b []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b = append(b, format[i])
			continue
		}
		i++
		b = appendStrftime(b, format[i], t)
	}
	return b
}

// appendStrftime appends a part of the time as strftime does for a percent sign
// and this letter in the C locale. What is no such letter is appended as it is,
// behind the percent sign, as glibc has it.
func appendStrftime(b []byte, letter byte, t time.Time) []byte {
	if layout := layouts[letter]; layout != "" {
		return t.AppendFormat(b, layout)
	}
	year, week := t.ISOWeek()
	switch letter {
	case 'C':
		return appendPadded(b, t.Year()/100, 2, '0')
	case 'e':
		return appendPadded(b, t.Day(), 2, ' ')
	case 'g':
		return appendPadded(b, year%100, 2, '0')
	case 'G':
		return strconv.AppendInt(b, int64(year), 10)
	case 'j':
		return appendPadded(b, t.YearDay(), 3, '0')
	case 'k':
		return appendPadded(b, t.Hour(), 2, ' ')
	case 'l':
		return appendPadded(b, (t.Hour()+11)%12+1, 2, ' ')
	case 'n':
		return append(b, '\n')
	case 'P':
		return t.AppendFormat(b, "pm")
	case 's':
		return strconv.AppendInt(b, t.Unix(), 10)
	case 't':
		return append(b, '\t')
	case 'u':
		return appendPadded(b, (int(t.Weekday())+6)%7+1, 1, '0')
	case 'U': // weeks begin on Sunday
		return appendPadded(b, (t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
	case 'V':
		return appendPadded(b, week, 2, '0')
	case 'w':
		return appendPadded(b, int(t.Weekday()), 1, '0')
	case 'W': // weeks begin on Monday
		return appendPadded(b, (t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')
	case 'Y':
		return strconv.AppendInt(b, int64(t.Year()), 10)
	case '%':
		return append(b, '%')
	}
	return append(b, '%', letter)
}

// layouts are the letters for which package time has a layout.
var layouts = [256]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan",
	'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM",
	'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'z': "-0700", 'Z': "MST",
}
