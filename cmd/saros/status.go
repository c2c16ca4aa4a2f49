package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// statusLine shows progress: one line that is written again and again on a terminal,
// a line now and then where it was asked for, and nothing otherwise.
type statusLine struct {
	w        io.Writer
	terminal bool
	plain    bool
	shown    bool
	next     time.Time
}

func newStatusLine(w io.Writer, asked bool) statusLine {
	s := statusLine{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	s.plain = asked && !s.terminal
	return s
}

func (s *statusLine) show(text string) {
	switch {
	case s.terminal:
		fmt.Fprintf(s.w, "\r\x1b[K%s", short(text, 100))
		s.shown = true
	case s.plain && !time.Now().Before(s.next):
		fmt.Fprintln(s.w, line(text))
		s.next = time.Now().Add(2 * time.Second)
	}
}

// clear takes the line away.
func (s *statusLine) clear() {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
}
