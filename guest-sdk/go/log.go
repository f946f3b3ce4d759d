package mortise

// Go's own loggers, log and log/slog, into the plugin's log with their levels.

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Logger writes into the log of the plugin's instance, at each record's level.
func (h *Host) Logger() *slog.Logger { return slog.New(&logHandler{write: h.writeLog}) }

// logHandler is a [slog.Handler] whose lines are the message and the attributes.
type logHandler struct {
	write  func(Level, string)
	prefix string
	group  string
}

// Enabled takes records from the level info on, as slog's own default does.
func (l *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle writes a record.
func (l *logHandler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString(record.Message)
	line.WriteString(l.prefix)
	record.Attrs(func(attribute slog.Attr) bool {
		appendAttribute(&line, l.group, attribute)
		return true
	})
	l.write(levelOf(record.Level), line.String())
	return nil
}

// WithAttrs adds attributes to each line.
func (l *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	var line strings.Builder
	line.WriteString(l.prefix)
	for _, attribute := range attributes {
		appendAttribute(&line, l.group, attribute)
	}
	return &logHandler{l.write, line.String(), l.group}
}

// WithGroup puts a name before those of later attributes.
func (l *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	return &logHandler{l.write, l.prefix, l.group + name + "."}
}

func appendAttribute(line *strings.Builder, group string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			group += attribute.Key + "."
		}
		for _, inner := range value.Group() {
			appendAttribute(line, group, inner)
		}
		return
	}
	if attribute.Key == "" {
		return
	}
	text := value.String()
	if text == "" || strings.ContainsAny(text, " \t\n\"=") {
		text = fmt.Sprintf("%q", text)
	}
	fmt.Fprintf(line, " %s%s=%s", group, attribute.Key, text)
}

func levelOf(level slog.Level) Level {
	switch {
	case level >= slog.LevelError:
		return LevelError
	case level >= slog.LevelWarn:
		return LevelWarn
	case level >= slog.LevelInfo:
		return LevelInfo
	}
	return LevelDebug
}

// printLeveled writes a line for the log without knowing the instance: the host
// takes the level, in the form of the system's journal, off each line.
func printLeveled(level Level, text string) {
	number := [...]int{7, 7, 6, 4, 3}[min(level, LevelError)]
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(os.Stderr, "<%d>%s\n", number, line)
	}
}

func init() { slog.SetDefault(slog.New(&logHandler{write: printLeveled})) }
