package lane

import (
	"strings"
	"testing"
)

// What touches is concurrent: the second call is drawn left of the first return, at the same time.
func TestDraw(t *testing.T) {
	var b strings.Builder
	Draw(&b, []Row{
		{Session: 1, Name: "#0", Call: 0, Return: 10, Label: "put 1 → ok"},
		{Session: 2, Name: "#1", Call: 10, Return: 20, Label: "put 2 → ok"},
		{Session: 3, Name: "#2", Call: 21, Open: true, Label: "get"},
		{Session: 4, Name: "#3", Call: 0, Return: 20, Label: "get"},
	})
	want := `
  s1    #0    |put 1 → ok|
  s2    #1      |put 2 → ok|
  s3    #2                   |get ...
  s4    #3    |get---------|
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("%s\nwant%s", got, want)
	}
}
